"""Getting back into an account through the JSON door, with the loops that write and send the mails."""

import re

import pytest
from tests.api.callers import PASSWORD

from wutong.identity.letters.writer import Writer
from wutong.kit.loops import drain
from wutong.kit.mail import FakeSender
from wutong.kit.outbox import Outbox, Postman

NEW = "a brand new password"


@pytest.fixture
def mailed(centre):
    """Run the loops and return the secrets of the links that were mailed, by address."""
    outbox, database = Outbox.of(centre.context.settings), centre.context.database

    def run():
        sender = FakeSender()
        drain(Writer(database, outbox).step)
        drain(Postman(database, sender, outbox).step)
        links = {mail["To"]: re.search(r"token=(\w+)", mail.get_body(("plain",)).get_content()) for mail in sender.sent}
        return {address: link[1] for address, link in links.items() if link}

    return run


def sign_in(centre, email, password):
    return centre.call("anonymous", "POST", "/sessions", json={"email": email, "password": password}).status_code


def test_a_forgotten_password(centre, mailed):
    for email in ("owner@example.cn", "nobody@example.cn"):
        answer = centre.call("anonymous", "POST", "/password-resets", json={"email": email})
        assert (answer.status_code, answer.text) == (202, "null")
    links = mailed()
    assert links.keys() == {"owner@example.cn"}
    use = {"secret": links["owner@example.cn"], "new_password": NEW}
    assert centre.error("anonymous", "POST", "/password-resets/use", json={**use, "new_password": "short"})[0] == 422
    centre.ok("anonymous", "POST", "/password-resets/use", json=use)
    assert centre.error("owner", "GET", "/me")[0] == 401
    assert centre.error("anonymous", "POST", "/password-resets/use", json=use)[1]["code"] == "link_gone"
    assert (sign_in(centre, "owner@example.cn", PASSWORD), sign_in(centre, "owner@example.cn", NEW)) == (401, 201)


def test_another_address(centre, mailed):
    wrong = {"new_email": "new@example.cn", "password": "not the password"}
    assert centre.error("viewer", "POST", "/me/email", json=wrong)[1]["code"] == "wrong_credentials"
    centre.ok("viewer", "POST", "/me/email", json={**wrong, "password": PASSWORD})
    centre.ok("anonymous", "POST", "/email-changes/use", json={"secret": mailed()["new@example.cn"]})
    assert centre.ok("viewer", "GET", "/me")["email"] == "new@example.cn"
    assert (sign_in(centre, "viewer@example.cn", PASSWORD), sign_in(centre, "new@example.cn", PASSWORD)) == (401, 201)


def test_an_invitation_is_mailed_and_accepted_by_its_link(centre, mailed):
    invited = centre.ok("owner", "POST", "/invitations", json={"email": "newer@example.cn"})
    secret = mailed()["newer@example.cn"]
    assert secret == invited["secret"]
    joined = centre.ok("anonymous", "POST", "/invitations/accept", json={"secret": secret, "person_name": "New", "password": PASSWORD})
    assert joined["email"] == "newer@example.cn"


def test_language_zone_and_devices(centre):
    changed = centre.ok("owner", "PATCH", "/me", json={"language": "en", "zone": "Europe/Berlin", "name": "Li Hua"})
    assert (changed["language"], changed["zone"], changed["name"]) == ("en", "Europe/Berlin", "Li Hua")
    assert centre.error("owner", "PATCH", "/me", json={"zone": "Mars"})[1]["details"]["field"] == "zone"
    firefox = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"}
    centre.ok("anonymous", "POST", "/sessions", json={"email": "owner@example.cn", "password": PASSWORD}, headers=firefox)
    centre.http.cookies.clear()
    assert centre.ok("owner", "GET", "/sessions")["items"][0]["device"] == "Firefox, Linux"
    assert centre.ok("owner", "POST", "/sessions/close-others") == {"closed": 1}


def test_notices_are_told_in_the_readers_language(centre):
    ticket = centre.ok("owner", "POST", "/tickets", json={"subject": "Slow", "text": "Why?"})
    centre.ok("operator", "POST", f"/admin/tickets/{ticket['id']}/messages", json={"text": "Because."})
    (told,) = centre.ok("owner", "GET", "/me/notices")["items"]
    assert (told["title"], told["path"]) == ("工单已答复：Slow", f"/tickets/{ticket['id']}")
    centre.ok("owner", "PATCH", "/me", json={"language": "en"})
    assert centre.ok("owner", "GET", "/me/notices")["items"][0]["title"] == "Answered: Slow"
    assert centre.ok("owner", "GET", "/me/notices/unread") == {"count": 1}
    assert centre.ok("owner", "GET", f"/tickets/{ticket['id']}")["unread"] is True
    assert centre.ok("owner", "POST", "/me/notices/read", json={}) == {"count": 1}
    (shown,) = centre.ok("operator", "GET", "/me/notices")["items"]
    assert shown["path"] == f"/console/tickets/{ticket['id']}"
