"""Help at the keyboard: a ticket that is answered, what one is told, an announcement, a webhook, one's own profile."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flows.stage import Person, Tenant, open_tenant

from wutong.app.trial import TrialCentre


@pytest.fixture(scope="module")
def tenant(centre: TrialCentre) -> Iterator[Tenant]:
    """One tenant for all of these."""
    with open_tenant(centre) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def owner(centre: TrialCentre, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The tenant's owner at a keyboard."""
    return Person(centre, tmp_path_factory.mktemp("owner"), {"WUTONG_TOKEN": tenant.account.token})


@pytest.fixture(scope="module")
def operator(centre: TrialCentre, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The centre's operator at a keyboard."""
    return Person(centre, tmp_path_factory.mktemp("operator"), {"WUTONG_TOKEN": centre.operator()})


def test_a_ticket_is_answered_and_its_owner_is_told(owner: Person, operator: Person):
    owner.quick("profile", "--language", "en", "--zone", "Europe/Berlin")
    subject = f"Slow {secrets.token_hex(3)}"
    ticket = owner.quick("ticket", "open", subject, "-", "--json", typed="It waits\nsince noon.\n").json["id"]
    found = operator.ask("ticket", "ls", "--centre", "--text", subject)
    assert [(each["id"], each["unread"]) for each in found] == [(ticket, True)]
    assert "since noon." in operator.quick("ticket", "show", ticket, "--centre").out
    assert operator.ask("ticket", "answer", ticket, "Which job?", "--ask")["state"] == "waiting"
    assert f"A question for you: {subject}" in [each["title"] for each in owner.ask("inbox", "ls", "--unread")]
    assert "marked as read" in owner.quick("inbox", "read").out
    assert owner.ask("inbox", "ls", "--unread") == []
    assert "is open, with Operator" in owner.quick("ticket", "reply", ticket, "job_1").out
    assert owner.ask("ticket", "close", ticket)["state"] == "closed"
    assert "Reopen it first" in operator.quick("ticket", "answer", ticket, "Late", status=1).err


def test_what_one_is_told_of_is_ones_choice(owner: Person):
    changed = owner.ask("inbox", "choose", "job_ended", "mail", "off")
    assert [(each["kind"], each["channel"]) for each in changed if not each["wanted"]] == [("job_ended", "mail")]
    assert "kind: " in owner.quick("inbox", "choose", "weather", "mail", "off", status=1).err


def test_an_announcement_is_seen_until_it_is_withdrawn(owner: Person, operator: Person):
    made = operator.ask("admin", "announce", "停机", "Down on Saturday", "--level", "warning")["id"]
    assert made in owner.quick("announcements").out
    operator.quick("admin", "withdraw", made, "--yes")
    assert made not in owner.quick("announcements").out


def test_a_webhook_has_a_secret_that_is_shown_once(owner: Person):
    made = owner.ask("webhook", "add", "https://hooks.example/wutong", "--kind", "balance")
    assert made["secret"].startswith("whsec_")
    hook = made["webhook"]["id"]
    assert [(each["id"], each["kinds"]) for each in owner.ask("webhook", "ls")] == [(hook, ["balance"])]
    assert "public address" in owner.quick("webhook", "add", "https://10.0.0.1/", status=1).err
    owner.quick("webhook", "rm", hook, "--yes")
    assert owner.ask("webhook", "ls") == []


def test_a_forgotten_password_says_nothing_of_who_is_known(owner: Person, tmp_path: Path):
    nobody = Person(owner.centre, tmp_path)
    assert "If nobody@tenant.example has an account" in nobody.quick("password", "forgot", "nobody@tenant.example").out
    assert "not valid any more" in nobody.quick("password", "reset", "wtr_x", "--password-stdin", typed="a new long one\n", status=1).err
