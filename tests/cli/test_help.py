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


def test_files_go_with_a_ticket_and_come_back(owner: Person, operator: Person, tmp_path: Path):
    log, script, large = tmp_path / "运行 日志.log", tmp_path / "fix.sh", tmp_path / "core"
    log.write_text("epoch 1\nboom\n")
    script.write_text("echo fixed\n")
    with large.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    assert "larger than 16 MiB" in owner.quick("ticket", "open", "A", "B", "--attach", str(large), status=1).err
    many = [word for _ in range(6) for word in ("--attach", str(log))]
    assert "at most 5 files" in owner.quick("ticket", "open", "A", "B", *many, status=1).err
    ticket = owner.ask("ticket", "open", f"Crash {secrets.token_hex(3)}", "Look.", "--attach", str(log))["id"]
    operator.quick("ticket", "answer", ticket, "Use this.", "--attach", str(script))
    asked, answered = owner.ask("ticket", "show", ticket)["messages"]
    assert [(each["name"], each["size_bytes"]) for each in asked["attachments"]] == [("运行 日志.log", 13)]
    fetched = tmp_path / "fetched.sh"
    owner.quick("ticket", "download", ticket, answered["attachments"][0]["id"], "--to", str(fetched))
    assert fetched.read_text() == "echo fixed\n"
    assert "is there already" in owner.quick("ticket", "download", ticket, answered["attachments"][0]["id"], "--to", str(fetched), status=1).err
    operator.quick("ticket", "download", ticket, asked["attachments"][0]["id"], "--to", str(tmp_path / "seen.log"), "--centre")
    assert (tmp_path / "seen.log").read_bytes() == log.read_bytes()
    assert "has no file" in owner.quick("ticket", "download", ticket, "att_none", status=1).err


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
