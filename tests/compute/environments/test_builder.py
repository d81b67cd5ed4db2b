"""Registered locks become environments, once; what cannot be built says why and is tried again when it is registered again."""

import pytest

from wutong.compute.environments import builder as building
from wutong.compute.environments import service, store
from wutong.compute.environments.builder import Builder
from wutong.compute.environments.install import InstallBusy, InstallFailed
from wutong.compute.environments.rules import CENTRE, MAX_TRIES, EnvironmentBroken, EnvironmentState, NoSuchEnvironment
from wutong.identity.rules import Principal, Role, system_principal
from wutong.kit.errors import Forbidden, Invalid, NotFound

HASHED = "nothing==1.0 --hash=sha256:" + "0a" * 32 + "\n"
OWNER = Principal("per_a", "Li", "ten_a", Role.OWNER)
STRANGER = Principal("per_b", "Wu", "ten_b", Role.OWNER)
VIEWER = Principal("per_c", "He", "ten_a", Role.VIEWER)


@pytest.fixture
def builder(database, tmp_path):
    return Builder(database, tmp_path / "environments")


def register(database, who=OWNER, name="own", lock=HASHED, **options):
    with database.session() as session:
        return service.register_environment(session, who, name=name, lock=lock, **options)


def look(database, name="own", who=OWNER):
    with database.session() as session:
        return service.get_environment(session, who, name)


def test_the_plain_one_is_built_first_and_the_large_ones_when_asked_for(database, builder):
    with database.session() as session:
        assert {each.name for each in service.seed_environments(session)} == {"python-3.11", "sklearn", "torch-cpu"}
    while builder.step():
        pass
    plain = look(database, "python-3.11")
    assert plain.state is EnvironmentState.READY
    assert (builder._root / plain.path / "bin" / "python").exists()
    assert look(database, "sklearn").state is EnvironmentState.REGISTERED
    with database.session() as session:
        service.seed_environments(session)
        asked = service.request_build(session, look(database, "sklearn").id)
        assert store.due(session, asked.next_at).name == "sklearn"


def test_a_failing_build_is_tried_again_then_told_and_a_new_registration_starts_anew(database, builder, fake_clock, monkeypatch):
    def fail(*args, **options):
        raise InstallFailed("no such wheel")

    monkeypatch.setattr(building, "install", fail)
    register(database)
    for _ in range(MAX_TRIES):
        assert builder.step()
        fake_clock.advance(1000)
    assert not builder.step()
    broken = look(database)
    assert (broken.state, broken.tries, broken.log_tail) == (EnvironmentState.FAILED, MAX_TRIES, "no such wheel")
    with database.session() as session, pytest.raises(EnvironmentBroken, match="no such wheel"):
        service.environment_for_job(session, "ten_a", "own")
    again = register(database)
    assert (again.id, again.state, again.tries) == (broken.id, EnvironmentState.REGISTERED, 0)


def test_a_build_that_another_process_does_is_looked_at_later(database, builder, fake_clock, monkeypatch):
    def busy(*args, **options):
        raise InstallBusy

    register(database)
    with monkeypatch.context() as patch:
        patch.setattr(building, "install", busy)
        assert builder.step()
        assert not builder.step()
    fake_clock.advance(10)
    assert look(database).state is EnvironmentState.BUILDING
    with database.session() as session:
        assert store.due(session, fake_clock.now()) is not None


def test_a_tenants_own_comes_before_the_centres_and_strangers_do_not_see_it(database):
    with database.session() as session:
        service.seed_environments(session)
    own = register(database, name="sklearn")
    with database.session() as session:
        assert service.environment_for_job(session, "ten_a", "sklearn").id == own.id
        assert service.environment_for_job(session, "ten_b", "sklearn").tenant_id == CENTRE
        assert "sklearn" in {each.name for each in service.list_environments(session, STRANGER)}
    register(database, name="secret")
    with pytest.raises(NotFound):
        look(database, "secret", STRANGER)
    with database.session() as session, pytest.raises(NoSuchEnvironment, match="torch-cpu"):
        service.environment_for_job(session, "ten_b", "secret")


def test_the_same_lock_is_the_same_version_and_a_new_lock_a_newer_one(database, fake_clock):
    first = register(database)
    assert register(database).id == first.id
    fake_clock.advance(1)
    second = register(database, lock=HASHED.replace("1.0", "1.1"))
    assert look(database).id == second.id != first.id
    fake_clock.advance(1)
    register(database)
    assert look(database).id == first.id


def test_seeding_does_not_take_back_what_an_operator_registered(database, fake_clock):
    with database.session() as session:
        service.seed_environments(session)
    fake_clock.advance(1)
    with database.session() as session:
        newer = service.register_environment(session, system_principal("operator"), name="sklearn", lock="numpy==2.0\n", for_centre=True)
        fake_clock.advance(1)
        service.seed_environments(session)
    assert look(database, "sklearn").id == newer.id


def test_who_may_register_what(database):
    with pytest.raises(Forbidden):
        register(database, VIEWER)
    with pytest.raises(Forbidden):
        register(database, for_centre=True)
    with pytest.raises(Invalid, match="generate-hashes"):
        register(database, lock="numpy\n")
