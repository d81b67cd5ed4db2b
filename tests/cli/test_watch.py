"""Following a job to its end: each attempt's log, what it waits for in between, arrays, jobs that never began, and the exit status."""

import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from tests.flows.stage import Person, Tenant, open_tenant

from wutong.app.trial import TrialCentre
from wutong.cli import job as job_commands
from wutong.cli import show
from wutong.sdk import jobs


@pytest.fixture(scope="module")
def tenant(centre: TrialCentre) -> Iterator[Tenant]:
    """One tenant for all of these: a centre lets an address sign in only so often."""
    with open_tenant(centre) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def owner(centre: TrialCentre, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The tenant's owner at a keyboard, signed in by token."""
    return Person(centre, tmp_path_factory.mktemp("owner"), {"WUTONG_TOKEN": tenant.account.token})


def test_each_attempt_is_followed(owner: Person, tenant: Tenant):
    job = tenant.submit('echo "try $WUTONG_ATTEMPT"; test "$WUTONG_ATTEMPT" = 2', tries=2)
    watched = owner.quick("job", "watch", job.id)
    assert watched.out == "try 1\ntry 2\n"
    assert "attempt 2:" in watched.err
    assert watched.err.splitlines()[-1].startswith("succeeded after ")


@pytest.mark.parametrize(("command", "status", "why"), [("exit 3", 3, "exit code 3."), ("kill -9 $$", 1, "signal 9 (SIGKILL).")])
def test_the_exit_status_is_the_jobs(owner: Person, command: str, status: int, why: str):
    said = owner.quick("job", "submit", "--name", "a", "--command", command, "--time-limit", "60", "--yes", "--watch", status=status)
    assert said.err.splitlines()[-1].endswith(why)
    assert said.err.count("exit code") <= 1


def test_an_array_is_watched_to_its_end(owner: Person, tenant: Tenant):
    job = tenant.submit('test "$WUTONG_ARRAY_INDEX" != 1', array="0-2")
    watched = owner.quick("job", "watch", job.id, status=1)
    assert f"3 jobs, which `wutong job ls --array {job.id}` lists" in watched.err
    assert watched.err.splitlines()[-1].endswith("1 of 3 jobs failed.")


def test_a_job_that_never_began_has_an_end_and_an_empty_log(owner: Person, tenant: Tenant):
    first = tenant.submit("sleep 30")
    job = tenant.submit("true", after=[first.id])
    for each in (job, first):
        jobs.cancel(tenant.client, each.id)
    watched = owner.quick("job", "watch", job.id, status=1)
    assert watched.err.splitlines()[-1].startswith("cancelled, ¥0.00 so far.")
    assert owner.quick("job", "logs", "--follow", job.id).out == ""
    assert "It was not tried." in owner.quick("job", "show", job.id).out
    tenant.ended(first)


def test_an_interrupted_watch_leaves_the_job_alone(owner: Person, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job_commands, job_commands.follow_job.__name__, interrupt)
    assert "The job goes on. `wutong job watch job_1` follows it again" in owner.quick("job", "watch", "job_1", status=130).err


class Keyboard(StringIO):
    """A terminal at which something is typed."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("typed", ["n", "", "yes please"])
def test_a_question_says_how_to_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str):
    monkeypatch.setattr(sys, "stdin", Keyboard(f"{typed}\n"))
    with pytest.raises(show.Stop, match="Nothing was done"):
        show.confirm("Delete [x]?", yes=False)
    assert capsys.readouterr().err == "Delete [x]? [y/N] "
    monkeypatch.setattr(sys, "stdin", Keyboard("Y\n"))
    show.confirm("Delete it?", yes=False)
