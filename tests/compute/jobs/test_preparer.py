"""Waiting jobs get their data, code and environment, and start when there is money; what cannot be readied says why."""

from dataclasses import replace

import pytest
from tests.compute.jobs.jobskit import run_of

from wutong.centre import service as centre
from wutong.compute.environments import store as environment_store
from wutong.compute.environments.rules import EnvironmentState
from wutong.compute.jobs import preparer, secrets, service
from wutong.compute.jobs.launch import run_spec
from wutong.compute.jobs.preparer import Preparer
from wutong.compute.jobs.requests import DataMount
from wutong.compute.jobs.rules import Cause, JobState, NoSuchSecret, WaitReason
from wutong.hub import service as hub
from wutong.hub.rules import RepoKind
from wutong.identity.job_tokens import authenticate_job_token
from wutong.kit import seal
from wutong.kit.errors import Invalid


def spec_of(world, job, attempt=1):
    with world.database.session() as session:
        return centre.get_spec(session, run_of(job, attempt))


def set_environment(world, name, **values):
    with world.database.session() as session:
        found = environment_store.find(session, "", name)
        environment_store.move(session, found, values)


def test_data_and_code_are_laid_out_and_shown(world, owner):
    world.data(owner, "dubai-tiles", {"train/a.png": b"a"})
    world.data(owner, "base", {"weights": b"w"}, RepoKind.MODEL)
    world.data(owner, "trainer", {"train.py": b"print(1)"}, RepoKind.CODE)
    with world.database.session() as session:
        service.put_secret(session, owner, world.limits.key_file, name="PASSWORD", value="open sesame")
    more = {"datasets": (DataMount("dubai-tiles"),), "models": (DataMount("base@1", "start"),), "code": "trainer"}
    job = world.submit(owner, **more, secrets=("PASSWORD",), env={"LR": "0.1"})
    assert (job.state, job.wait_reason) == (JobState.WAITING, WaitReason.PREPARING)
    world.run_loops()
    spec = spec_of(world, job)
    shown = {mount.target: mount.source for mount in spec.mounts}
    assert (world.home / shown["/data/dubai-tiles"] / "train" / "a.png").read_bytes() == b"a"
    assert (world.home / shown["/models/start"] / "weights").read_bytes() == b"w"
    assert all(mount.read_only for mount in spec.mounts)
    assert spec.environment["WUTONG_DATA_DUBAI_TILES"] == "/data/dubai-tiles"
    assert spec.environment["WUTONG_MODEL_START"] == "/models/start"
    assert spec.environment["LR"] == "0.1"
    assert spec.environment["PATH"].startswith(f"{world.home}/environments/python-3.11/bin:")
    assert (world.home / spec.code_source / "train.py").exists()
    assert spec.argv == ("/bin/sh", "-c", "true")
    assert "open sesame" not in repr(spec)
    assert seal.unseal(world.limits.key_file, spec.sealed_environment["PASSWORD"]) == "open sesame"
    assert not spec.network
    assert set(spec.sealed_environment) == {"PASSWORD"}
    world.advance(20)
    world.advance(20)
    assert world.job(job).state is JobState.SUCCEEDED
    second = world.submit(owner, **more)
    assert second.state is JobState.QUEUED


def test_where_jobs_reach_the_network_each_gets_a_token_of_its_own(world, owner):
    job = world.submit(owner)
    with world.database.session() as session:
        flavour = centre.get_flavour(session, job.flavour)
        spec = run_spec(session, job, run_of(job), 1, flavour, None, replace(world.limits, network=True))
    assert spec.network
    token = seal.unseal(world.limits.key_file, spec.sealed_environment["WUTONG_TOKEN"])
    claims = authenticate_job_token(world.limits.key_file, token)
    assert (claims.run_name, claims.tenant_id) == (run_of(job), owner.tenant_id)


def test_data_deleted_after_acceptance_is_still_there_for_the_job(world, owner):
    version = world.data(owner, "tiles", {"a": b"a"})
    first = world.submit(owner, datasets=(DataMount("tiles"),))
    with world.database.session() as session:
        hub.delete_version(session, owner, version)
    world.run_loops()
    world.advance(20)
    world.advance(20)
    assert world.job(first).state is JobState.SUCCEEDED


def test_trees_made_in_threads_let_other_jobs_go_first(world, owner):
    world.data(owner, "tiles", {"a": b"a"})
    job = world.submit(owner, datasets=(DataMount("tiles"),))
    threaded = Preparer(world.database, world.limits, world.blobs, threads=1)
    for _ in range(200):
        threaded.step()
        if world.job(job).state is JobState.QUEUED:
            break
        for future in list(threaded._making.values()):
            future.result(timeout=20)
        world.clock.advance(1)
    assert world.job(job).state is JobState.QUEUED


def test_a_job_waits_for_its_environment_and_fails_with_the_reason_when_it_cannot_be_built(world, owner):
    job, other = world.submit(owner, environment="sklearn"), world.submit(owner, environment="torch-cpu")
    world.advance(1)
    assert (world.job(job).state, world.job(job).wait_reason) == (JobState.WAITING, WaitReason.PREPARING)
    assert "sklearn" in world.job(job).detail
    world.ready("sklearn")
    set_environment(world, "torch-cpu", state=EnvironmentState.FAILED, log_tail="no wheel for this machine")
    world.advance(2)
    assert world.job(job).state in (JobState.QUEUED, JobState.RUNNING)
    failed = world.job(other)
    assert (failed.state, failed.reason) == (JobState.FAILED, Cause.ENVIRONMENT_FAILED)
    assert "no wheel for this machine" in failed.detail
    assert world.balance(owner).held_fen == 3600 + (3600 if world.job(other).state is JobState.WAITING else 0)


def test_an_environment_whose_folder_is_gone_is_built_again(world, owner):
    (world.home / "environments" / "python-3.11").rmdir()
    job = world.submit(owner)
    world.run_loops()
    assert world.job(job).wait_reason is WaitReason.PREPARING
    world.ready("python-3.11")
    world.advance(2)
    assert world.job(job).state in (JobState.QUEUED, JobState.RUNNING)


def test_what_cannot_be_readied_is_tried_again_then_fails_with_a_sentence(world, owner, monkeypatch):
    world.data(owner, "tiles", {"a": b"a"})
    job, other = world.submit(owner, datasets=(DataMount("tiles"),)), world.submit(owner, after=())

    def broken(*args, **options):
        raise OSError("disk on fire")

    monkeypatch.setattr(preparer, "make_tree", broken)
    world.run_loops()
    assert world.job(job).setbacks == 1
    for _ in range(12):
        world.advance(400)
    failed = world.job(job)
    assert (failed.state, failed.reason) == (JobState.FAILED, Cause.PREPARE_FAILED)
    assert "disk on fire" not in failed.detail
    assert world.job(other).state is JobState.SUCCEEDED


def test_nothing_starts_while_the_organisation_owes_money(world, owner, monkeypatch):
    job = world.submit(owner, environment="sklearn")
    monkeypatch.setattr(preparer.billing, "money_blocks", lambda *args, **options: "Your organisation owes money.")
    world.ready("sklearn")
    world.advance(2)
    assert (world.job(job).state, world.job(job).wait_reason) == (JobState.WAITING, WaitReason.MONEY)
    monkeypatch.undo()
    world.advance(31)
    assert world.job(job).state in (JobState.QUEUED, JobState.RUNNING)


def test_secrets_are_kept_sealed_and_by_tenant(world, owner, stranger):
    with world.database.session() as session:
        service.put_secret(session, owner, world.limits.key_file, name="A", value="one")
        service.put_secret(session, owner, world.limits.key_file, name="A", value="two")
        assert [secret.name for secret in service.list_secrets(session, owner)] == ["A"]
        assert service.list_secrets(session, stranger) == []
        stored = secrets.sealed_values(session, owner.tenant_id, ["A"])["A"]
        assert "two" not in stored
        assert seal.unseal(world.limits.key_file, stored) == "two"
    with pytest.raises(NoSuchSecret):
        world.submit(stranger, secrets=("A",))
    with world.database.session() as session, pytest.raises(Invalid):
        service.put_secret(session, owner, world.limits.key_file, name="WUTONG_TOKEN", value="x")
    with world.database.session() as session:
        service.delete_secret(session, owner, "A")
        assert service.list_secrets(session, owner) == []
