"""What jobs leave becomes versions with lineage; logs outlive their engine; hostile files do no harm."""

import os

import pytest
from tests.compute.jobs.jobskit import run_of

from wutong.centre.engines.fake import Script
from wutong.centre.engines.protocol import EndReason
from wutong.compute.jobs import metrics, moves, service, store
from wutong.compute.jobs.collector import Collector
from wutong.compute.jobs.requests import DataMount, OutputSpec
from wutong.compute.jobs.rules import Cause, JobState
from wutong.hub import service as hub
from wutong.hub.rules import RepoKind
from wutong.kit.errors import NotFound


def read_log(world, who, job, **options):
    with world.database.session() as session:
        source = service.log_source(session, who, job.id, attempt=options.pop("attempt", None))
    return service.read_log(world.engines, world.limits, source, offset=options.pop("offset", 0), **options)


def test_outputs_become_a_model_that_tells_where_it_comes_from(world, owner):
    data = world.data(owner, "tiles", {"a.txt": b"a"})
    job = world.submit(owner, outputs=OutputSpec(model="digits"), datasets=(DataMount("tiles"),), command="python train.py")
    world.run_loops()
    world.outputs(run_of(job), {"model.bin": b"weights", "metrics.jsonl": b'{"step": 1, "loss": 2.5}\n{"step": 2, "loss": 0.5, "name": "x"}\n'})
    world.advance(1)
    world.advance(20)
    done = world.job(job)
    assert done.state is JobState.SUCCEEDED
    assert done.metrics == {"step": 2, "loss": 0.5}
    with world.database.session() as session:
        version = hub.resolve(session, owner, RepoKind.MODEL, "digits")
        assert version.id == done.output_version_id
        assert {file.path for file in hub.files_of(session, version.id)} == {"model.bin", "metrics.jsonl"}
    assert version.lineage["job"] == job.id
    assert version.lineage["inputs"][0]["version"] == data
    assert version.lineage["inputs"][0]["ref"] == "tiles@1"
    assert version.lineage["environment"]["name"] == "python-3.11"
    assert version.lineage["command"][-1] == "python train.py"


@pytest.mark.parametrize("keep", [True, False])
def test_what_a_failed_job_leaves_is_kept_when_asked(world, owner, keep):
    world.engine.default = Script(seconds=2, exit_code=1)
    job = world.submit(owner, outputs=OutputSpec(model="digits", keep_on_failure=keep))
    world.outputs(run_of(job), {"half.bin": b"half"})
    world.advance(1)
    world.advance(5)
    done = world.job(job)
    assert (done.state, done.reason) == (JobState.FAILED, Cause.COMMAND_FAILED)
    assert (done.output_version_id is not None) is keep
    with world.database.session() as session:
        assert hub.find_repo(session, owner, RepoKind.MODEL, "digits") is None
        assert (hub.find_repo(session, owner, RepoKind.OUTPUT, job.id) is not None) is keep


def test_only_the_present_attempt_commits(world, owner):
    job = world.submit(owner, outputs=OutputSpec(model="digits"))
    world.outputs(run_of(job), {"model.bin": b"weights"})
    world.advance(1)

    class Slow(Collector):
        def _commit(self, session, now, files):
            return super()._commit(session, now, files)

    world.engine.advance(20)
    world.clock.advance(20)
    world.reconciler.step()
    world.tracker.step()
    seen = world.job(job)
    assert seen.state is JobState.FINISHING
    with world.database.session() as session:
        locked = store.lock_jobs(session, [job.id])[job.id]
        moves.set_fields(session, locked, {"attempt": 2})
    Slow(world.database, world.limits, world.engines, world.blobs)._finish_with_outputs(seen, world.engine.outputs / run_of(job))
    assert world.job(job).state is JobState.FINISHING
    assert world.job(job).output_version_id is None


def test_an_output_folder_may_be_named_but_never_led_astray(world, owner):
    job = world.submit(owner, outputs=OutputSpec(folder="best/one"))
    trap = world.submit(owner, outputs=OutputSpec(folder="best/one"))
    world.outputs(run_of(job), {"best/one/model.bin": b"weights", "junk": b"junk"})
    world.outputs("elsewhere", {"one/secret": b"secret"})
    world.outputs(run_of(trap), {"junk": b"junk"})
    (world.engine.outputs / run_of(trap) / "best").symlink_to(world.engine.outputs / "elsewhere")
    world.advance(1)
    world.advance(20)
    with world.database.session() as session:
        version = world.job(job).output_version_id
        assert [file.path for file in hub.files_of(session, version)] == ["model.bin"]
    assert world.job(trap).state is JobState.SUCCEEDED
    assert world.job(trap).output_version_id is None


def test_a_full_quota_fails_the_job_with_the_reason_and_keeps_its_log(world, owner):
    world.engine.default = Script(seconds=2, output=b"hello\n")
    job = world.submit(owner)
    world.outputs(run_of(job), {"big": b"x" * 1000})
    with world.database.session() as session:
        hub.set_quota(session, operator(owner), owner.tenant_id, 10)
    world.advance(1)
    for _ in range(3):
        world.advance(10)
    done = world.job(job)
    assert (done.state, done.reason) == (JobState.FAILED, Cause.OUTPUTS_FAILED)
    assert done.detail
    assert read_log(world, owner, job).data == b"hello\n"


def operator(who):
    from wutong.identity.rules import system_principal

    return system_principal("test", who.tenant_id)


def test_logs_outlive_the_engine_each_attempt_its_own(world, owner):
    world.engine.default = Script(seconds=2, exit_code=1, output=b"first try\n")
    job = world.submit(owner, tries=2)
    world.advance(1)
    assert read_log(world, owner, job).data == b"first try\n"
    world.engine.default = Script(seconds=2, output=b"second ", last_output=b"try\n")
    for _ in range(5):
        world.advance(10)
    assert world.job(job).state is JobState.SUCCEEDED
    assert world.engine.observe([run_of(job), run_of(job, 2)]) != {}
    chunk = read_log(world, owner, job)
    assert (chunk.data, chunk.complete) == (b"second try\n", True)
    assert read_log(world, owner, job, attempt=1).data == b"first try\n"
    assert read_log(world, owner, job, offset=7, limit=3).data == b"try"
    assert read_log(world, owner, job, offset=1000).complete
    with pytest.raises(NotFound):
        read_log(world, owner, job, attempt=3)


def test_the_log_of_the_first_attempt_is_empty_until_it_is_made_and_that_of_another_is_not_there(world, owner):
    job = world.submit(owner, after=(world.submit(owner).id,))
    assert read_log(world, owner, job, attempt=1) == read_log(world, owner, job)
    with pytest.raises(NotFound):
        read_log(world, owner, job, attempt=2)


def test_a_restart_within_an_attempt_keeps_both_logs(world, owner):
    world.engine.default = Script(seconds=10, output=b"start\n")
    job = world.submit(owner)
    world.advance(1)
    world.engine.requeue(run_of(job))
    world.advance(1)
    for _ in range(3):
        world.advance(20)
    assert world.job(job).state is JobState.SUCCEEDED
    assert read_log(world, owner, job, restart=0).data == b"start\n"
    assert read_log(world, owner, job, restart=1).data == b"start\n"
    assert "restarted" in [event.what for event in world.history(job)]


def test_a_dark_engine_loses_no_log(world, owner):
    world.engine.default = Script(seconds=2, output=b"hello\n")
    job = world.submit(owner)
    world.advance(1)
    world.engine.advance(5)
    world.clock.advance(5)
    world.reconciler.step()
    world.tracker.step()
    world.engine.go_dark()
    world.run_loops()
    assert world.job(job).state is JobState.SUCCEEDED
    with world.database.session() as session:
        assert store.attempts_of(session, job.id)[0].log_kept_at is None
    world.engine.come_back()
    world.advance(60)
    assert read_log(world, owner, job).data == b"hello\n"


def test_a_job_without_a_run_has_an_empty_log(world, owner):
    world.data(owner, "tiles", {"a": b"a"})
    job = world.submit(owner, datasets=(DataMount("tiles"),))
    chunk = read_log(world, owner, job)
    assert (chunk.data, chunk.complete) == (b"", False)


def test_a_job_token_dies_with_its_run(world, owner):
    job = world.submit(owner)
    world.advance(1)
    with world.database.session() as session:
        assert service.is_token_alive(session, run_of(job))
        assert not service.is_token_alive(session, run_of(job, 2))
    world.engine.end(run_of(job), EndReason.NODE_LOST)
    world.advance(0)
    with world.database.session() as session:
        assert not service.is_token_alive(session, run_of(job))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", {}),
        (b"not json\n[1, 2]\n3\n", {}),
        (b'{"a": 1}\n{"a": "x", "b": true, "c": null, "d": [1]}\n', {"a": 1.0}),
        (b'{"a": NaN, "b": Infinity, "c": 1e999, "d": 12345678901234567890123}\n', {}),
        (b'{"' + b"n" * 65 + b'": 1}\n', {}),
        (b"[" * 100_000 + b"\n" + b'{"a": 2}', {"a": 2.0}),
        (b'{"\\ud800": 1}\n{"a\\u0000": 1}\n', {}),
    ],
)
def test_hostile_metrics(data, found):
    assert metrics.parse(data) == found


def test_metrics_are_bounded_and_only_of_plain_files(tmp_path):
    lines = b"".join(b'{"m%d": %d}\n' % (number, number) for number in range(1000))
    assert len(metrics.parse(lines)) == metrics.MAX_NAMES
    (tmp_path / metrics.FILE).write_bytes(b"x" * 3 * metrics.MAX_BYTES + b'\n{"a": 1}\n')
    assert metrics.read_metrics(tmp_path) == {"a": 1.0}
    (tmp_path / metrics.FILE).unlink()
    os.mkfifo(tmp_path / metrics.FILE)
    assert metrics.read_metrics(tmp_path) == {}
    (tmp_path / metrics.FILE).unlink()
    (tmp_path / "real").write_bytes(b'{"a": 1}\n')
    (tmp_path / metrics.FILE).symlink_to(tmp_path / "real")
    assert metrics.read_metrics(tmp_path) == {}
    assert metrics.read_metrics(tmp_path / "nothing") == {}
