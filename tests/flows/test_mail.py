"""A whole centre and a real mail server: what is mailed arrives in its reader's language, also when the server was away for a while."""

import time

import pytest

from wutong.app.trial import OPERATOR_PASSWORD, TrialCentre, new_credit_code

PATIENCE_S = 150

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def centre(tmp_path, office):
    tmp_path.chmod(0o755)
    running = TrialCentre(tmp_path, slots=2, mail_url=office.url, public_url="https://ai.example.cn").start()
    yield running
    running.stop()


def wait_for(look, what):
    """Return the first answer that is something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return found


def register(centre, email, language):
    body = {"name": email, "credit_code": new_credit_code(), "kind": "enterprise", "person_name": "Li", "email": email, "password": OPERATOR_PASSWORD}
    centre.call("POST", "/tenants", body=body)
    token = centre.call("POST", "/sessions", body={"email": email, "password": OPERATOR_PASSWORD})["secret"]
    centre.call("PATCH", "/me", token=token, body={"language": language})
    return token


def mail_check(centre):
    import httpx2

    return httpx2.get(f"{centre.url}/health", timeout=10).json()["checks"]["mail"]


def test_mails_arrive_also_after_the_server_was_away(centre, office):
    chinese, english = "li@example.cn", "lee@example.cn"
    tokens = {chinese: register(centre, chinese, "zh"), english: register(centre, english, "en")}
    for email in tokens:
        centre.call("POST", "/password-resets", body={"email": email})
    ((subject, body),) = wait_for(lambda: office.mails_to(chinese), "the link arrives")
    assert "密码" in subject
    assert "https://ai.example.cn/reset?token=" in body
    ((subject, _),) = wait_for(lambda: office.mails_to(english), "the link arrives")
    assert "password" in subject

    office.close()
    ticket = centre.call("POST", "/tickets", token=tokens[english], body={"subject": "Stuck", "text": "It waits."})["id"]
    centre.call("POST", f"/admin/tickets/{ticket}/messages", token=centre.operator(), body={"text": "It runs."})
    wait_for(lambda: "the last try said" in mail_check(centre)["detail"], "health tells of the mail that waits")
    assert mail_check(centre)["ok"], "for a moment only"
    office.open()
    wait_for(lambda: len(office.mails_to(english)) == 2, "the mail goes when the server is back")
    assert office.mails_to(english)[1][0] == "Answered: Stuck"
    wait_for(lambda: mail_check(centre)["detail"] == "none waiting", "nothing is left")
    assert len(office.mails_to(chinese)) == 1
