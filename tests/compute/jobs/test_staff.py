"""What the centre's own people may see and do with all organisations' jobs."""

from datetime import timedelta

import pytest

from wutong.compute.jobs import service
from wutong.compute.jobs.rules import Cause, JobFilters, JobState
from wutong.identity.rules import CentreRole, Principal
from wutong.kit import clock
from wutong.kit.errors import Forbidden, Invalid, NotFound
from wutong.kit.paging import PageRequest

OPERATOR, AUDITOR, SUBSIDY = (
    Principal(f"per_{role}", role, None, None, frozenset({role})) for role in (CentreRole.OPERATOR, CentreRole.AUDITOR, CentreRole.SUBSIDY)
)


@pytest.fixture
def two(world):
    return world.tenant("luojia"), world.tenant("hanyang")


def test_a_waiting_job_is_stopped_at_once_and_says_why(world, two):
    job = world.submit(two[0], after=(world.submit(two[0]).id,))
    with world.database.session() as session:
        stopped = service.stop_job(session, OPERATOR, job.id, reason=" mines coins ")
        assert service.stop_job(session, OPERATOR, job.id, reason="again") == stopped
    assert (stopped.state, stopped.reason, stopped.detail) == (JobState.CANCELLED, Cause.STOPPED_BY_CENTRE, "Stopped by the centre: mines coins")


def test_a_running_job_ends_as_stopped_by_the_centre(world, two):
    job = world.submit(two[0])
    world.advance(1)
    with world.database.session() as session:
        assert service.stop_job(session, OPERATOR, job.id, reason="fire").stop_why is not None
    world.advance(5)
    world.advance(5)
    assert (world.job(job).state, world.job(job).reason) == (JobState.CANCELLED, Cause.STOPPED_BY_CENTRE)


def test_all_of_an_array_is_stopped(world, two):
    parent = world.submit(two[0], array="0-2")
    with world.database.session() as session:
        service.stop_job(session, OPERATOR, parent.id, reason="fire")
    world.run_loops()
    assert {child.reason for child in world.children(parent)} == {Cause.STOPPED_BY_CENTRE}


def test_who_may(world, two):
    job = world.submit(two[0])
    with world.database.session() as session:
        for nobody in (AUDITOR, SUBSIDY, two[0], two[1]):
            with pytest.raises(Forbidden):
                service.stop_job(session, nobody, job.id, reason="x")
        for nobody in (SUBSIDY, two[0], two[1]):
            with pytest.raises(Forbidden):
                service.get_any_job(session, nobody, job.id)
            with pytest.raises(Forbidden):
                service.list_queue(session, nobody, "npu")
        with pytest.raises(Invalid):
            service.stop_job(session, OPERATOR, job.id, reason=" ")
        with pytest.raises(NotFound):
            service.stop_job(session, OPERATOR, "job_none", reason="x")
        assert service.read_any_job(session, AUDITOR, job.id).job.id == job.id
        with pytest.raises(NotFound):
            service.read_any_job(session, AUDITOR, "job_none")


def test_jobs_of_all_are_filtered_counted_and_paged(world, two):
    mine, other = world.submit(two[0]), world.submit(two[1])
    with world.database.session() as session:

        def listed(page: PageRequest | None = None, **filters):
            return [job.id for job in service.list_all_jobs(session, AUDITOR, JobFilters(**filters), page or PageRequest()).items]

        assert listed() == [other.id, mine.id]
        assert listed(tenant_id=two[0].tenant_id) == [mine.id]
        assert listed(pool=mine.pool) == [other.id, mine.id]
        assert listed(pool="none") == []
        assert listed(states=frozenset({JobState.QUEUED})) == [other.id, mine.id]
        assert listed(states=frozenset({JobState.FAILED})) == []
        assert listed(PageRequest(1, other.id)) == [mine.id]
        assert service.count_open_by_tenant(session, SUBSIDY, {mine.pool}) == {mine.pool: {who.tenant_id: 1 for who in two}}
        assert sum(service.count_all_states(session, SUBSIDY).values()) == 2
        service.stop_job(session, OPERATOR, mine.id, reason="x")
    world.run_loops()
    now = clock.now()
    with world.database.session() as session:
        ended = service.count_ended(session, SUBSIDY, now - timedelta(hours=1), now + timedelta(hours=1))
        assert ended[JobState.CANCELLED] == 1
        assert service.count_ended(session, SUBSIDY, now + timedelta(hours=1), now + timedelta(hours=2)) == {}
        assert mine.id in {job.id for job in service.list_last_ended(session, SUBSIDY)}
