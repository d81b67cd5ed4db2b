"""Getting back into an account, moving it to another address, closing its sessions elsewhere, and its logins at providers."""

from typing import Annotated

from anyio.to_thread import run_sync

from wutong.api.auth import Asking, Router, Tx, Visitor, needs
from wutong.doorway import entrance
from wutong.identity import service
from wutong.identity.rules import Principal
from wutong.sdk import account as wire
from wutong.sdk.wire import Listed

router = Router(tag="identity")

Me = Annotated[Principal, needs()]


@router.post("/password-resets", status_code=202)
async def request_reset(asking: Visitor, body: wire.ResetRequest) -> None:
    """Have a link mailed that sets another password. The answer is the same whether or not somebody has the address."""
    await run_sync(lambda: entrance.request_reset(asking, email=body.email))


@router.post("/password-resets/use", status_code=204)
async def use_reset(asking: Visitor, body: wire.Reset) -> None:
    """Set another password by the secret of a link. Every session of the person is closed."""
    await run_sync(lambda: entrance.use_reset(asking, secret=body.secret, password=body.new_password))


@router.post("/me/email", status_code=202)
async def request_email_change(asking: Asking, body: wire.EmailRequest) -> None:
    """Have a link mailed to an address that the caller wants to use from now on."""
    await run_sync(lambda: entrance.request_email_change(asking, password=body.password, new_email=body.new_email))


@router.post("/email-changes/use", status_code=204)
async def confirm_email(asking: Visitor, body: wire.EmailConfirmation) -> None:
    """Confirm an address by the secret of the link that was mailed there."""
    await run_sync(lambda: entrance.use_email_change(asking, secret=body.secret))


@router.post("/sessions/close-others", response_model=wire.Closed)
def close_other_sessions(tx: Tx, who: Me) -> dict[str, int]:
    """Close every session of the caller but the one this request came with."""
    return {"closed": service.close_other_sessions(tx, who)}


@router.get("/me/logins")
def list_logins(tx: Tx, who: Me) -> Listed[wire.Login]:
    """List the caller's accounts at OpenID Connect providers."""
    return Listed[wire.Login](items=[wire.Login.model_validate(login) for login in service.list_logins(tx, who)])


@router.delete("/me/logins/{login_id}", status_code=204)
def remove_login(tx: Tx, who: Me, login_id: str) -> None:
    """Forget an account at a provider. Without a password the last one stays."""
    service.remove_login(tx, who, login_id)
