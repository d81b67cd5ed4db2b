"""The command itself: quick to start, help for everything, JSON for programs, one sentence for an error, and no name that plays with the terminal."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer
from jsonschema import Draft202012Validator
from tests.flows.stage import Person, Tenant, open_tenant, operator
from typer.testing import CliRunner

from wutong.app.trial import TrialCentre
from wutong.cli import show
from wutong.cli.local import PASSED_ON
from wutong.cli.main import app
from wutong.cli.money import fen
from wutong.cli.show import Stop

SERVER = (
    "fastapi",
    "starlette",
    "uvicorn",
    "sqlalchemy",
    "psycopg",
    "wutong.kit",
    "wutong.identity",
    "wutong.ledger",
    "wutong.centre",
    "wutong.compute",
)
HOSTILE = "\x1b[2J\x1b]0;owned\x07[red]boo[/red][/] \u202egnp.exe"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command with the words that name it."""
    yield path
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


EVERY = [path for path in commands(typer.main.get_command(app)) if not path or path[0] not in PASSED_ON]


@pytest.fixture
def owner(newcomer: Person, tenant: Tenant) -> Person:
    """The tenant's owner at a keyboard, signed in by token."""
    newcomer.quick("login", "--token", tenant.account.token)
    return newcomer


@pytest.fixture(scope="module")
def reader(centre: TrialCentre, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """The owner of a tenant in which nothing is changed, so that many tests can share it."""
    with open_tenant(centre, "Reader") as tenant:
        person = Person(centre, tmp_path_factory.mktemp("reader"))
        person.quick("login", "--token", tenant.account.token)
        yield person


@pytest.fixture(scope="module")
def staff(centre: TrialCentre, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The centre's operator, signed in once."""
    return operator(centre, tmp_path_factory.mktemp("staff"))


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]):
    said = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert said.exit_code == 0
    assert " ".join(words) in said.output


def test_the_command_loads_nothing_of_the_server():
    program = f"import sys, wutong.cli.main; print([name for name in {SERVER!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


READING = [
    ("whoami",), ("flavors",), ("balance",), ("topup",), ("bill",), ("statement",), ("job", "ls"), ("data", "ls"), ("model", "ls"), ("code", "ls"),
    ("env", "ls"), ("order", "ls"), ("order", "offers"), ("budget", "ls"), ("token", "ls"), ("member", "ls"), ("member", "invitations"),
    ("secret", "ls"), ("payments",), ("notices",), ("data", "uploads"),
]  # fmt: skip


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_what_is_shown_is_also_json(reader: Person, words: tuple[str, ...]):
    assert isinstance(json.loads(reader.quick(*words, "--json").out), dict | list)
    assert reader.quick(*words).out.strip()


@pytest.mark.parametrize("words", [("tenants",), ("pools",), ("nodes",), ("ledger-check",), ("audit",)], ids=" ".join)
def test_the_centres_people_read_json_too(staff: Person, words: tuple[str, ...]):
    assert isinstance(json.loads(staff.quick("admin", *words, "--json").out), dict | list)
    assert staff.quick("admin", *words).out.strip()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("job", "show", "job_nowhere"), "There is no job job_nowhere that you can see."),
        (("job", "submit", "nowhere.yaml"), "nowhere.yaml cannot be read: No such file or directory."),
        (("data", "push", "nowhere"), "There is no file or folder nowhere."),
        (("data", "pull", "nothing"), "There is no dataset nothing that you can see."),
        (("job", "cancel", "job_1"), "Cancel job_1? Add --yes to go on."),
        (("budget", "set", "much"), "much is not an amount of yuan such as 120 or 99.50."),
        (("order", "buy", "luck"), "There is no package luck. `wutong order offers` lists those on sale."),
        (("admin", "tenants"), "It is for people of the centre with the role operator or finance or subsidy or auditor."),
        (("admin", "ledger-check"), "It is for people of the centre with the role finance or auditor."),
        (("bill", "--month", "May"), "month"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_error_is_one_sentence(reader: Person, words: tuple[str, ...], sentence: str):
    said = reader.quick(*words, status=1)
    assert sentence in said.err.replace("\n", " ")
    assert "Traceback" not in said.err
    assert not said.out


def test_an_error_ends_a_real_process_with_its_status_and_debug_shows_where(newcomer: Person):
    said = newcomer.wutong("whoami", status=1)
    assert said.err == f"You are not signed in to {newcomer.centre.url}. Run `wutong login` first.\n"
    argv = [sys.executable, "-m", "wutong.cli.main", "--debug", "whoami"]
    loud = subprocess.run(argv, env=newcomer.environment(), capture_output=True, text=True, check=False)
    assert loud.returncode == 1
    assert "Traceback" in loud.stderr


def test_a_centre_that_does_not_answer(newcomer: Person):
    newcomer.extra = {"WUTONG_URL": "http://127.0.0.1:9", "WUTONG_TOKEN": "wtk_none"}
    assert "The centre at http://127.0.0.1:9 does not answer" in newcomer.quick("whoami", status=1).err.replace("\n", " ")


def test_the_token_is_kept_for_its_owner_only(owner: Person, tenant: Tenant):
    kept = owner.folder / "cli.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["token"] == tenant.account.token
    kept.chmod(0o644)
    owner.quick("login", "--token", "-", typed=f"{tenant.account.token}\n")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    owner.quick("logout")
    assert json.loads(kept.read_text())["token"] is None
    assert owner.quick("whoami", status=1).err.startswith("You are not signed in")
    kept.write_text("{")
    assert "cannot be read as JSON" in owner.quick("whoami", status=1).err.replace("\n", " ")


def test_tokens_are_made_and_ended(owner: Person):
    made = owner.ask("token", "create", "ci", "--scope", "job.read", "--days", "7")
    program = Person(owner.centre, owner.folder, {"WUTONG_TOKEN": made["secret"]})
    assert program.ask("job", "ls") == []
    assert "does not allow" in program.quick("balance", status=1).err
    assert made["secret"] not in owner.quick("token", "ls", "--json").out
    owner.quick("token", "revoke", made["token"]["id"], "--yes")
    assert "Your sign-in is not valid any more. Run `wutong login`" in program.quick("job", "ls", status=1).err
    assert "scopes" in owner.quick("token", "create", "odd", "--scope", "fly", status=1).err


def test_hostile_names_are_inert(owner: Person, tenant: Tenant):
    job = tenant.submit(f"printf '%s' {HOSTILE!r}", name="[bold]n[bold][]")
    tenant.ended(job)
    folder = owner.folder / "evil"
    folder.mkdir()
    (folder / "[red]x[red].txt").write_text("1")
    owner.quick("data", "push", "evil", "--note", HOSTILE)
    for words in (("job", "ls"), ("job", "show", job.id), ("job", "events", job.id), ("data", "show", "evil"), ("bill",), ("statement",)):
        said = owner.quick(*words)
        assert "\x1b" not in said.out + said.err
        assert "\x07" not in said.out + said.err
        assert "\u202e" not in said.out + said.err
    assert show.printable(HOSTILE) == "\ufffd[2J\ufffd]0;owned\ufffd[red]boo[/red][/] \ufffdgnp.exe"
    assert "[bold]n[bold][]" in owner.quick("job", "show", job.id).out
    assert "[red]x[red].txt" in owner.quick("data", "show", "evil").out


GOOD = {"name": "a", "command": ["python", "x.py"], "datasets": [{"ref": "d@1"}], "checkpoint": {"signal": "SIGUSR1"}, "array": "0-3%2"}
BAD = [{"name": "a"}, {**GOOD, "comand": "x"}, {**GOOD, "tries": 0}, {**GOOD, "priority": "urgent"}, {**GOOD, "datasets": [{"name": "d"}]}]


def test_the_schema_of_a_job_file_tells_good_from_bad(reader: Person):
    schema = Draft202012Validator(reader.quick("job", "schema").json)
    assert schema.is_valid(GOOD)
    assert [schema.is_valid(bad) for bad in BAD] == [False] * len(BAD)
    served = httpx2.get(f"{reader.centre.url}/api/schemas/job.json").json()
    assert served["properties"].keys() == schema.schema["properties"].keys()


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("job.yaml", "name: a\ncomand: x\n", "comand: There is no such field."),
        ("job.toml", 'name = "a"\ncommand = "x"\ntries = 0\n', "tries: "),
        ("job.yaml", "- a\n- b\n", "job.yaml: A job file holds fields such as `name:`"),
        ("job.yaml", "name: [", "job.yaml: This is not valid YAML"),
        ("job.toml", "name = ", "job.toml: This is not valid TOML"),
        ("job.yaml", "!!python/object/apply:os.system ['true']", "job.yaml: This is not valid YAML"),
        ("job.yaml", "name: a\ncommand: x\ncode: ./gone\n", "There is no folder"),
        ("job.yaml", "command: x\n", "name: It is needed."),
    ],
)
def test_a_bad_job_file_is_explained_and_sends_nothing(reader: Person, file: str, text: str, sentence: str):
    (reader.folder / file).write_text(text)
    assert sentence in reader.quick("job", "submit", file, "--yes", status=1).err.replace("\n", " ")
    assert reader.ask("job", "ls") == []


def test_an_estimate_comes_before_money_is_held(owner: Person):
    (owner.folder / "job.yaml").write_text("name: a\ncommand: x\ntime_limit_s: 60\n")
    said = owner.quick("job", "estimate", "job.yaml")
    assert "¥60.00" in said.out
    refused = owner.quick("job", "submit", "job.yaml", status=1)
    assert "Submit, and hold ¥60.00? Add --yes to go on." in refused.err
    assert owner.ask("balance")["held_fen"] == 0


@pytest.mark.parametrize(("text", "amount"), [("12", 1200), ("12.5", 1250), ("¥1,234.56", 123456), ("0.01", 1)])
def test_yuan_are_read_as_fen(text: str, amount: int):
    assert fen(text) == amount
    assert fen(show.yuan(amount)) == amount


@pytest.mark.parametrize("text", ["-5", "1.234", "", "x", "1e3", "٣", "1.²"])
def test_what_is_no_amount_is_refused(text: str):
    with pytest.raises(Stop):
        fen(text)


def test_a_bill_for_a_spreadsheet_has_no_formulas(owner: Person, tenant: Tenant):
    job = tenant.submit("sleep 0.2", name="=1+1")
    owner.centre.await_settled(job.id, token=tenant.account.token)
    lines = owner.quick("bill", "--csv").out.splitlines()
    assert len(lines) == 2
    assert "'=1+1" in lines[1]


def test_completion_is_offered():
    environment = {**os.environ, "_WUTONG_COMPLETE": "complete_bash", "COMP_WORDS": "wutong job s", "COMP_CWORD": "2"}
    command = Path(sys.executable).with_name("wutong")
    said = subprocess.run([command], env=environment, capture_output=True, text=True, check=False).stdout.split()
    assert {"submit", "show", "schema"} <= set(said)
