"""Webhooks: addresses of the organisation's own that are told of what happens, and the messages that were sent."""

from typing import Annotated

from fastapi import Form, Response

from wutong.desk.rules import NoticeKind
from wutong.desk.webhooks import service
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity.rules import Permission
from wutong.kit.errors import Invalid, Problem
from wutong.kit.paging import PageRequest
from wutong.web.view import Pages, View

pages = Pages(prefix="/organisation")

Manages = Annotated[View, needs(Permission.TENANT_MANAGE)]
Text = Annotated[str, Form(max_length=600)]
Kinds = Annotated[list[str], Form(max_length=20)]


@pages.get("/webhooks")
def webhooks_page(tx: Tx, view: Manages) -> Response:
    """List the organisation's webhooks."""
    return _page(tx, view)


@pages.post("/webhooks")
def add_webhook(tx: Tx, view: Manages, url: Text = "", kinds: Kinds = []) -> Response:  # noqa: B006 - never changed
    """Add one; the secret its messages are signed with is shown this once."""
    settings = view.context.settings

    def work() -> tuple[object, str]:
        chosen = _kinds(kinds)
        return service.add_webhook(tx, view.who, url.strip(), chosen, key_file=settings.key_file, loopback=settings.webhook_loopback)

    done = view.attempt(work)
    if isinstance(done, Problem):
        return _page(tx, view, done, form={"url": url, "kinds": kinds})
    return view.page("organisation/webhook_secret.html", webhook=done[0], secret=done[1])


@pages.get("/webhooks/{webhook_id}")
def webhook_page(tx: Tx, view: Manages, page: Paging, webhook_id: str) -> Response:
    """Show one with the messages it was sent."""
    return _one(tx, view, webhook_id, page)


@pages.post("/webhooks/{webhook_id}")
def change_webhook(tx: Tx, view: Manages, webhook_id: str, enabled: Text = "", kinds: Kinds = []) -> Response:  # noqa: B006 - never changed
    """Change what it is told of, or switch it off and on."""
    done = view.attempt(lambda: service.change_webhook(tx, view.who, webhook_id, kinds=_kinds(kinds), enabled=bool(enabled)))
    return _after(tx, view, webhook_id, done, view.say("The webhook is changed."))


@pages.post("/webhooks/{webhook_id}/test")
def test_webhook(tx: Tx, view: Manages, webhook_id: str) -> Response:
    """Send a message that says nothing."""
    done = view.attempt(lambda: service.test_webhook(tx, view.who, webhook_id))
    return _after(tx, view, webhook_id, done, view.say("A test message is on its way."))


@pages.post("/webhooks/{webhook_id}/secret")
def renew_secret(tx: Tx, view: Manages, webhook_id: str) -> Response:
    """Sign with another secret, which is shown this once."""
    secret = service.renew_secret(tx, view.who, webhook_id, key_file=view.context.settings.key_file)
    return view.page("organisation/webhook_secret.html", webhook=service.get_webhook(tx, view.who, webhook_id), secret=secret)


@pages.post("/webhooks/{webhook_id}/remove")
def remove_webhook(tx: Tx, view: Manages, webhook_id: str) -> Response:
    """Remove one."""
    service.remove_webhook(tx, view.who, webhook_id)
    view.toast("The webhook is removed.")
    return view.go("/organisation/webhooks")


@pages.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/retry")
def retry_delivery(tx: Tx, view: Manages, webhook_id: str, delivery_id: str) -> Response:
    """Try a message again that was given up."""
    done = view.attempt(lambda: service.retry_delivery(tx, view.who, webhook_id, delivery_id))
    return _after(tx, view, webhook_id, done, view.say("The message is on its way again."))


def _after(tx: Tx, view: View, webhook_id: str, done: object, sentence: str) -> Response:
    if isinstance(done, Problem):
        return _one(tx, view, webhook_id, PageRequest(), done)
    view.toast(sentence)
    return view.go(f"/organisation/webhooks/{webhook_id}")


def _page(tx: Tx, view: View, problem: Problem | None = None, form: dict[str, object] | None = None) -> Response:
    form = form or {"url": "", "kinds": [kind.value for kind in NoticeKind]}
    found = service.list_webhooks(tx, view.who)
    status = 200 if problem is None else problem.status
    return view.page("organisation/webhooks.html", status, webhooks=found, kinds=list(NoticeKind), form=form, problem=problem)


def _one(tx: Tx, view: View, webhook_id: str, page: PageRequest, problem: Problem | None = None) -> Response:
    webhook = service.get_webhook(tx, view.who, webhook_id)
    sent = service.list_deliveries(tx, view.who, webhook_id, page)
    status = 200 if problem is None else problem.status
    return view.page("organisation/webhook.html", status, webhook=webhook, sent=sent, kinds=list(NoticeKind), problem=problem)


def _kinds(texts: list[str]) -> list[NoticeKind]:
    found = [kind for kind in NoticeKind if kind.value in texts]
    if not found:
        raise Invalid(field="kinds", reason="Choose at least one kind of notice.")
    return found
