"""The pages of secrets and environments."""

from tests.web.conftest import Portal, statements

from wutong.compute.environments import store
from wutong.compute.environments.rules import EnvironmentState

LOCK = "requests==2.32.0 --hash=sha256:" + "0" * 64


def test_a_secret_is_stored_listed_and_deleted_and_its_value_never_shown(portal: Portal):
    browser = portal.browser("owner")
    assert "No secrets yet" in browser.get("/secrets").text
    browser.send("/secrets", {"name": "DB_PASSWORD", "value": "hunter2 & more"})
    page = browser.get("/secrets").text
    assert "DB_PASSWORD" in page
    assert "hunter2" not in page
    assert "DB_PASSWORD" in browser.get("/jobs/new").text
    browser.send("/secrets/delete", {"name": "DB_PASSWORD"})
    assert "No secrets yet" in browser.get("/secrets").text
    browser.send("/secrets/delete", {"name": "DB_PASSWORD"}, status=404)


def test_a_bad_secret_is_explained_without_showing_its_value(portal: Portal):
    browser = portal.browser("owner")
    browser.get("/secrets")
    page = browser.send("/secrets", {"name": "not a name", "value": "hunter2"}, status=422).text
    assert "Use a name of letters" in page
    assert 'value="not a name"' in page
    assert "hunter2" not in page
    assert "请使用字母" in portal.browser("owner", "zh").send("/secrets", {"name": "1", "value": "x"}, status=422, on="/secrets").text


def test_viewers_see_names_and_change_nothing_and_strangers_see_their_own(portal: Portal):
    owner = portal.browser("owner")
    owner.get("/secrets")
    owner.send("/secrets", {"name": "TOKEN", "value": "x"})
    viewer = portal.browser("viewer")
    assert "TOKEN" in viewer.get("/secrets").text
    assert "Store a secret" not in viewer.get("/secrets").text
    viewer.send("/secrets", {"name": "A", "value": "b"}, status=403)
    assert "TOKEN" not in portal.browser("stranger").get("/secrets").text
    portal.browser("operator").get("/secrets", status=403)
    assert portal.browser().get("/secrets", status=303).headers["location"].startswith("/sign-in")


def test_environments_are_listed_registered_and_their_failures_explained(portal: Portal):
    browser = portal.browser("owner")
    page = browser.get("/environments").text
    assert "sklearn" in page
    assert "built when first needed" in page
    browser.send("/environments", {"name": "vision-2", "lock": LOCK, "description": "<b>for roads</b>"})
    page = browser.get("/environments").text
    assert "vision-2" in page
    assert "<b>for roads</b>" not in page
    with portal.context.database.session() as session:
        found = store.find(session, portal.people["owner"].tenant_id or "", "vision-2")
        assert found is not None
        store.move(session, found, {"state": EnvironmentState.FAILED, "log_tail": "no matching <i>wheel</i>"})
    part = browser.get("/environments/part").text
    assert "no matching &lt;i&gt;wheel" in part
    assert "<html" not in part
    assert "vision-2" not in portal.browser("stranger").get("/environments/part").text


def test_a_bad_lock_is_explained_and_stays_in_the_form(portal: Portal):
    browser = portal.browser("owner")
    browser.get("/environments")
    page = browser.send("/environments", {"name": "mine", "lock": "requests"}, status=422).text
    assert "is not a pinned requirement" in page
    assert ">requests</textarea>" in page


def test_an_environment_is_built_when_asked_for(portal: Portal):
    browser = portal.browser("owner")
    browser.get("/environments")
    browser.send("/environments/sklearn/build")
    assert browser.get("/environments").text.count("Build now") == 1
    portal.browser("viewer").send("/environments/sklearn/build", status=403, on="/environments")


def test_few_statements(portal: Portal):
    browser = portal.browser("owner")
    for path in ("/secrets", "/environments", "/environments/part"):
        browser.get(path)
        with statements(portal) as seen:
            browser.get(path)
        assert len(seen) <= 5
