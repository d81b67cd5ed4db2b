"""The organisation: members and invitations, everybody's tokens, webhooks, the trail."""

import re

import pytest
from tests.api.callers import PASSWORD
from tests.web.conftest import Portal, statements

from wutong.identity import service as identity
from wutong.identity.rules import AuditEntry, Role
from wutong.kit import clock
from wutong.web.changes import Change, changes_of

PAGES = ("/organisation", "/organisation/tokens", "/organisation/webhooks", "/organisation/trail")
NASTY = '<script>alert(1)</script>"><img src=x> 武汉'


def link_in(page: str) -> str:
    return re.search(r'id="secret">[^<]*(/join\?token=[^<]+)<', page).group(1)


def make_token(portal: Portal, who: str, name: str = "laptop") -> str:
    with portal.context.database.session() as session:
        person = identity.authenticate(session, portal.people[who].secret)
        return identity.create_token(session, person, name=name)[0].id


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_opens_in_both_languages_with_few_statements(portal, language):
    make_token(portal, "colleague")
    browser = portal.browser("owner", language)
    for path in PAGES:
        with statements(portal) as seen:
            browser.get(path)
        assert len(seen) <= 12, (path, len(seen), seen)


def test_who_may_see_what(portal):
    portal.browser().get("/organisation", status=303)
    portal.browser("operator").get("/organisation", status=403)
    viewer = portal.browser("viewer")
    page = viewer.get("/organisation").text
    assert "owner@example.cn" in page
    assert "Invite a member" not in page
    assert 'href="/organisation/trail"' not in page
    for path in PAGES[1:]:
        viewer.get(path, status=403)
    stranger = portal.browser("stranger").get("/organisation").text
    assert "viewer@example.cn" not in stranger


def test_somebody_is_invited_and_joins_by_the_link(portal):
    owner = portal.browser("owner")
    owner.get("/organisation")
    page = owner.send("/organisation/invitations", {"email": "neu@example.cn", "role": "member"}, status=200).text
    link = link_in(page)
    assert "neu@example.cn" in owner.get("/organisation").text
    newcomer = portal.browser()
    where = newcomer.get(link, status=303).headers["location"]
    newcomer.get(where)
    newcomer.send("/invitation", {"secret": where.rpartition("/")[2], "person_name": "新人", "password": PASSWORD})
    assert "新人" in owner.get("/organisation").text


def test_a_wrong_address_is_told_and_stays(portal):
    owner = portal.browser("owner")
    owner.get("/organisation")
    page = owner.send("/organisation/invitations", {"email": "nobody", "role": "member"}, status=422).text
    assert 'role="alert"' in page
    assert 'value="nobody"' in page
    owner.send("/organisation/invitations", {"email": "neu@example.cn", "role": "emperor"}, status=422)


def test_an_invitation_is_withdrawn(portal):
    owner = portal.browser("owner")
    owner.get("/organisation")
    link = link_in(owner.send("/organisation/invitations", {"email": "neu@example.cn", "role": "viewer"}, status=200).text)
    path = re.search(r'action="(/organisation/invitations/[^"]+/withdraw)"', owner.get("/organisation").text).group(1)
    stranger = portal.browser("stranger")
    stranger.get("/organisation")
    stranger.send(path, status=404)
    owner.send(path)
    newcomer = portal.browser()
    newcomer.get(newcomer.get(link, status=303).headers["location"])
    newcomer.send("/invitation", {"secret": link.rpartition("=")[2], "person_name": "x", "password": PASSWORD}, status=404)


def test_roles_change_and_the_last_owner_stays(portal):
    owner, people = portal.browser("owner"), portal.people
    owner.get("/organisation")
    owner.send(f"/organisation/members/{people['viewer'].person_id}/role", {"role": "finance"})
    assert "Something went wrong" not in owner.get("/organisation").text
    page = owner.send(f"/organisation/members/{people['owner'].person_id}/role", {"role": "member"}, status=409).text
    assert "last owner" in page
    assert "last owner" in owner.send("/organisation/leave", {"name": "House of owner"}, status=409).text
    owner.send(f"/organisation/members/{people['stranger'].person_id}/role", {"role": "member"}, status=404)


def test_administrators_make_no_owners(portal):
    with portal.context.database.session() as session:
        owner = identity.authenticate(session, portal.people["owner"].secret)
        identity.change_role(session, owner, portal.people["colleague"].person_id, Role.ADMIN)
    admin = portal.browser("colleague")
    assert '<option value="owner"' not in admin.get("/organisation").text
    admin.send(f"/organisation/members/{portal.people['viewer'].person_id}/role", {"role": "owner"}, status=403)


def test_a_member_is_removed_and_another_leaves(portal):
    owner = portal.browser("owner")
    owner.get("/organisation")
    owner.send(f"/organisation/members/{portal.people['viewer'].person_id}/remove")
    assert "viewer@example.cn" not in owner.get("/organisation").text
    colleague = portal.browser("colleague")
    colleague.get("/organisation")
    assert 'role="alert"' in colleague.send("/organisation/leave", {"name": "House of"}, status=422).text
    colleague.send("/organisation/leave", {"name": "House of  owner"})
    colleague.get("/organisation", status=403)


def test_anybodys_token_is_revoked(portal):
    token = make_token(portal, "colleague")
    owner = portal.browser("owner")
    assert "laptop" in owner.get("/organisation/tokens").text
    stranger = portal.browser("stranger")
    stranger.get("/organisation/tokens")
    stranger.send(f"/organisation/tokens/{token}/revoke", status=404)
    owner.send(f"/organisation/tokens/{token}/revoke")
    assert "No tokens" in owner.get("/organisation/tokens").text


def test_the_trail_is_filtered(portal):
    make_token(portal, "colleague", NASTY)
    owner = portal.browser("owner")
    page = owner.get("/organisation/trail?action=token.create").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "No matches" in owner.get("/organisation/trail?action=none.such").text
    who = portal.people["colleague"].person_id
    assert "No matches" not in owner.get(f"/organisation/trail?person_id={who}&kind=token").text
    older = re.search(r'rel="next" href="([^"]+)"', owner.get("/organisation/trail?limit=2").text).group(1).replace("&amp;", "&")
    owner.get(older)


def test_changes_are_put_side_by_side():
    entry = AuditEntry(
        1,
        clock.now(),
        "t",
        "p",
        "n",
        "session",
        "",
        "a.b",
        "k",
        "i",
        {"a": 1, "b": 2, "c": 3},
        {"a": 1, "b": 5, "d": None, "e": ["x", "y"], "f_fen": 1200},
    )
    assert changes_of(entry) == [Change("b", "2", "5"), Change("c", "3", None), Change("e", None, "x, y"), Change("f_fen", None, "¥12.00")]


def test_webhooks_are_added_tried_changed_and_removed(portal):
    owner = portal.browser("owner")
    owner.get("/organisation/webhooks")
    page = owner.send("/organisation/webhooks", {"url": "https://hooks.example.cn/w", "kinds": ["job_ended", "budget"]}, status=200).text
    assert "whsec_" in page
    page = owner.get("/organisation/webhooks").text
    assert "whsec_" not in page
    path = re.search(r'href="(/organisation/webhooks/[^"]+)"', page).group(1)
    owner.get(path)
    owner.send(f"{path}/test")
    assert "No messages yet" not in owner.get(path).text
    owner.send(path, {"kinds": ["ticket"]})
    assert "whsec_" in owner.send(f"{path}/secret", status=200).text
    stranger = portal.browser("stranger")
    stranger.get("/organisation/webhooks")
    for each in (path, f"{path}/test", f"{path}/secret", f"{path}/remove"):
        stranger.send(each, {"kinds": ["ticket"]}, status=404)
    owner.get("/organisation/webhooks")
    owner.send(f"{path}/remove")
    owner.get(path, status=404)


@pytest.mark.parametrize(
    "form", [{"url": "ftp://x", "kinds": ["ticket"]}, {"url": "https://10.0.0.1/", "kinds": ["ticket"]}, {"url": "https://a.example.cn/"}]
)
def test_a_webhook_that_cannot_be_is_told(portal, form):
    owner = portal.browser("owner")
    owner.get("/organisation/webhooks")
    assert 'role="alert"' in owner.send("/organisation/webhooks", form, status=422).text


def test_hostile_names_stay_text(portal):
    with portal.context.database.session() as session:
        person = identity.authenticate(session, portal.people["colleague"].secret)
        identity.set_profile(session, person, name="<img src=x onerror=alert(1)> 武汉")
    page = portal.browser("owner").get("/organisation").text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
