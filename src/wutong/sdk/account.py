"""Getting back into an account, moving it to another address, and its logins at providers; on the wire, and the calls for them."""

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import Field

from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client


class ResetRequest(Sent):
    """Whose password is to be set anew."""

    email: str = Field(max_length=254)


class Reset(Sent):
    """The secret of a link that was mailed, and the new password."""

    secret: str = Field(max_length=100)
    new_password: str = Field(min_length=10, max_length=200)


class EmailRequest(Sent):
    """The address to use from now on, and the present password."""

    new_email: str = Field(max_length=254)
    password: str = Field(max_length=200)


class EmailConfirmation(Sent):
    """The secret of a link that was mailed to the new address."""

    secret: str = Field(max_length=100)


class Closed(Received):
    """How many sessions were closed."""

    closed: int


class Login(Received):
    """An account at a provider that lets its person in; `email` is what the provider last said."""

    id: str
    provider: str
    email: str
    added_at: datetime
    last_used_at: datetime


def request_reset(client: "Client", email: str) -> None:
    """Have a link mailed that sets another password; nobody is told whether somebody has the address."""
    client.send("POST", "/api/v1/password-resets", body=ResetRequest(email=email))


def use_reset(client: "Client", secret: str, new_password: str) -> None:
    """Set another password by a link; every session is closed."""
    client.send("POST", "/api/v1/password-resets/use", body=Reset(secret=secret, new_password=new_password))


def request_email_change(client: "Client", new_email: str, password: str) -> None:
    """Have a link mailed to an address that is to be used from now on."""
    client.send("POST", "/api/v1/me/email", body=EmailRequest(new_email=new_email, password=password))


def confirm_email(client: "Client", secret: str) -> None:
    """Confirm an address by the link that was mailed there."""
    client.send("POST", "/api/v1/email-changes/use", body=EmailConfirmation(secret=secret))


def close_other_sessions(client: "Client") -> int:
    """Close every session of the caller but this one; returns how many were open."""
    return client.post("/api/v1/sessions/close-others", None, Closed).closed


def list_logins(client: "Client") -> list[Login]:
    """Read the caller's accounts at providers."""
    return client.get("/api/v1/me/logins", Listed[Login]).items


def remove_login(client: "Client", login_id: str) -> None:
    """Forget one of the caller's accounts at providers."""
    client.delete(f"/api/v1/me/logins/{quote(login_id, safe='')}")
