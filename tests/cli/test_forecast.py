"""Starts, waits and what-if questions at the command: the words, and what the commands say on a real centre."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.centre.forecast.test_planning import LOG
from tests.flows.stage import Person, Tenant, open_tenant

from wutong.app.trial import TrialCentre
from wutong.cli import forecast, job
from wutong.sdk.jobs import Job, JobState

NOW = datetime.now(UTC)
JOB = Job(
    id="job_1",
    name="j",
    state=JobState.QUEUED,
    person_id="per_1",
    flavour="cpu.1",
    nodes=1,
    environment="e",
    command="true",
    priority="normal",
    time_limit_s=60,
    attempt=1,
    tries=1,
    created_at=NOW,
)


@pytest.fixture(scope="module")
def tenant(centre: TrialCentre) -> Iterator[Tenant]:
    """One tenant for all of these: a centre lets an address sign in only so often."""
    with open_tenant(centre) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def owner(centre: TrialCentre, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The tenant's owner at a keyboard, signed in by token."""
    return Person(centre, tmp_path_factory.mktemp("owner"), {"WUTONG_TOKEN": tenant.account.token})


@pytest.mark.parametrize(
    ("wait_s", "bound_s", "words", "short"),
    [
        (0, 0, "starts at once", "none"),
        (5, None, "starts in less than a minute", "1 min"),
        (5, 600, "starts in less than a minute (90 % within 10 min)", "1 min (90 % 10 min)"),
        (715, 2400, "starts in about 12 min (90 % within 40 min)", "12 min (90 % 40 min)"),
        (7300, None, "starts in about 2 h", "2 h"),
        (9000, 50_000, "starts in about 2.5 h (90 % within 14 h)", "2.5 h (90 % 14 h)"),
        (200_000, 700_000, "starts in about 2.5 days (90 % within 8 days)", "2.5 days (90 % 8 days)"),
    ],
)
def test_a_wait_in_words(wait_s: float, bound_s: float | None, words: str, short: str):
    assert forecast.wait_in_words(wait_s, bound_s) == words
    assert forecast.wait_in_short(wait_s, bound_s) == short


def test_what_nobody_knows_is_not_said():
    assert forecast.start_in_words(JOB) is None
    assert forecast.wait_in_short(None, None) == "-"
    assert job.why(JOB) == ""
    assert job.standing(JOB) == "queued: it goes on in a moment"


def test_a_queued_job_says_when_it_starts():
    start, bound = (datetime.now(UTC) + timedelta(minutes=minutes, seconds=5) for minutes in (12, 40))
    told = JOB.model_copy(update={"expected_start": start, "expected_start_bound": bound, "position": 3, "waiting_for": "2 runs are ahead."})
    assert job.standing(told) == "queued, place 3: 2 runs are ahead. It starts in about 12 min (90 % within 40 min)."
    assert job.why(told) == "starts in about 12 min (90 % within 40 min)"


def test_a_training_is_submitted_by_options_alone(owner: Person, tenant: Tenant):
    words = ("--name", "ranks", "--command", "true", "--processes", "2", "--nodes", "1", "--launch", "rank", "--checkpoint", "SIGUSR1:5")
    made = owner.quick("job", "submit", *words, "--time-limit", "60", "--yes", "--json").json
    assert (made["nodes"], made["processes"], made["launch"], made["ranks"]) == (1, 2, "rank", 2)
    tenant.ended(Job(**made))
    assert "STARTS" in owner.quick("job", "show", made["id"]).out
    odd = owner.quick("job", "submit", *words[:-1], "SIGUSR1:soon", "--yes", status=1)
    assert "write it as SIGNAL or SIGNAL:SECONDS" in odd.err
    assert "checkpoint" in owner.quick("job", "submit", *words[:-1], "SIGKILL", "--yes", status=1).err
    assert "leave out --start" in owner.quick("job", "logs", made["id"], "--follow", "--start", "1", status=1).err
    assert owner.quick("job", "logs", made["id"], "--start", "1").out == ""
    assert "no start 1, counted from 0" in owner.quick("job", "logs", made["id"], "--start", "2", status=1).err


def test_flavours_say_their_class_and_wait(owner: Person):
    said = owner.quick("flavors").out
    assert all(title in said for title in ("SERVICE", "WAIT NOW", "PARTITION"))
    assert {flavour["service"] for flavour in owner.ask("flavors")} == {"normal"}


def test_maintenance_is_told_to_tenants(owner: Person, finance: Person):
    begin = datetime.now().astimezone() + timedelta(days=300)
    times = ("--from", f"{begin:%Y-%m-%d %H:%M:%S}", "--to", f"{begin + timedelta(hours=1):%Y-%m-%d %H:%M:%S}")
    made = finance.quick("admin", "maintenance", "announce", "local", *times, "--reason", "new fans", "--yes", "--json").json
    try:
        assert "new fans" in owner.quick("maintenance").out
        assert made["id"] in [window["id"] for window in owner.ask("maintenance")]
    finally:
        finance.quick("admin", "maintenance", "cancel", made["id"], "--yes")


def test_how_good_forecasts_were_is_shown(owner: Person):
    assert owner.quick("forecast", "--days", "30").out
    assert isinstance(owner.ask("forecast"), list)


def test_a_log_is_replayed_side_by_side(finance: Person, owner: Person):
    (finance.folder / "old.swf").write_bytes(LOG)
    said = finance.quick("plan", "--log", "old.swf", "--cards", "4").out
    assert "old.swf: 10 jobs" in said
    assert all(words in said for words in ("as recorded", "replayed as it is", "with the change", "P90", "SLOWDOWN", "IN USE"))
    told = finance.quick("plan", "--log", "old.swf", "--cards", "4", "--json").json
    assert told["then"]["mean_s"] < told["now"]["mean_s"] == told["recorded"]["mean_s"]
    assert "does not allow" in owner.quick("plan", "local", status=1).err
    assert "Name a pool, or a log" in finance.quick("plan", status=1).err
    assert "are for a pool" in finance.quick("plan", "--log", "old.swf", "--nodes", "1", status=1).err
    assert "TENANT=weight" in finance.quick("plan", "local", "--share", "nobody", status=1).err
    assert "There is no pool moon" in finance.quick("plan", "moon", status=1).err
