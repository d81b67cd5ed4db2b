"""What-if questions: to what the centre recorded, and to logs that operators bring; worked out apart, in bounded room."""

import gzip
from datetime import timedelta

import pytest
from tests.centre.conftest import want_run
from tests.centre.forecast.samples import past

from wutong.centre import service
from wutong.centre.forecast import planning, replaying
from wutong.centre.forecast.planner import Change
from wutong.centre.forecast.replaying import NothingToPlan, PlanTooLarge, PlanUnderWay, replay_apart, work_out
from wutong.centre.forecast.rules import Machine, Order
from wutong.centre.reconciler import Reconciler
from wutong.kit import clock
from wutong.kit.errors import Invalid

# Fields of the Standard Workload Format 2.2: number, submit, wait, run, processors, -, -, asked, limit, -, status, user, group, -, queue, -, -, -.
LINES = ["; MaxProcs: 4", *(f"{n} {10 * n} {90 * n} 100 4 -1 -1 4 200 -1 1 {n % 2} {n % 2} -1 1 -1 -1 -1" for n in range(10))]
LOG = "\n".join(LINES).encode()


def task(change: Change, *, cards: int = 0, log: bytes = LOG):
    return planning.plan_log("log", log, change, cards=cards)


def test_twice_the_cards_halve_the_wait():
    found = work_out(task(Change(more_cards=4, order_now=Order.EASY)))
    assert (found.jobs, found.cards, found.cards_then) == (10, 4, 8)
    assert found.recorded.all.mean_s == found.now.all.mean_s == 90 * 4.5
    assert found.then.all.mean_s < found.now.all.mean_s / 2
    assert found.now.utilisation == pytest.approx(1.0)


def test_a_share_moves_a_tenant_forward():
    found = work_out(task(Change(shares={"g1": 10.0, "g0": 1.0}, age_weight=0.0)))
    assert found.then.tenants["g1"].mean_s < found.now.tenants["g1"].mean_s
    assert found.then.tenants["g0"].mean_s > found.now.tenants["g0"].mean_s


@pytest.mark.parametrize("log", [LOG, gzip.compress(LOG)])
def test_a_log_is_worked_out_in_a_process_of_its_own(log):
    assert replay_apart(task(Change(more_cards=4), log=log)) == work_out(task(Change(more_cards=4)))


def test_what_is_wrong_with_a_log_is_said_from_there_too():
    with pytest.raises(NothingToPlan):
        replay_apart(task(Change(), log=b"not a log at all"))
    with pytest.raises(Invalid):
        replay_apart(task(Change(), log=gzip.compress(LOG)[:-20]))


def test_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(replaying, "MOST_JOBS", 9)
    with pytest.raises(PlanTooLarge):
        work_out(task(Change()))
    monkeypatch.setattr(replaying, "MOST_TEXT_BYTES", 100)
    with pytest.raises(PlanTooLarge):
        work_out(task(Change(), log=gzip.compress(LOG)))


def test_one_question_at_a_time():
    with replaying._turn, pytest.raises(PlanUnderWay):
        replay_apart(task(Change()))


def test_fewer_cards_than_a_job_asks_for_leave_it_out():
    found = work_out(task(Change(more_cards=-2)))
    assert (found.then.impossible, found.then.all.jobs) == (10, 0)


@pytest.fixture
def month(centre, engines, stub, fake_clock):
    """Three runs of the whole pool, one after the other, each an hour."""
    reconciler = Reconciler(centre, engines)

    def follow():
        reconciler.step()
        reconciler.step()

    for name in "abc":
        want_run(centre, name, tenant=f"tnt_{name}", nodes=100, slots=8, person="ann", time_limit_s=7200)
        follow()
    for name in "abc":
        stub.begin(name)
        follow()
        fake_clock.advance(3600)
        stub.end(name)
        follow()
    fake_clock.advance(60)
    return centre


def test_what_the_centre_recorded_is_replayed(month):
    with month.session() as session:
        asked = service.plan_pool(session, "npu", Change(more_nodes=100))
    assert [(job.ask.name, job.ask.cards, job.ask.limit_s, job.tenant, job.run_s) for job in asked.jobs] == [
        (name, 800, 7200.0, f"tnt_{name}", 3600.0) for name in "abc"
    ]
    assert {job.ask.user for job in asked.jobs} == {"tnt_a/ann", "tnt_b/ann", "tnt_c/ann"}
    found = work_out(asked)
    assert (found.cards, found.cards_then) == (800, 1600)
    assert found.recorded.all.mean_s == found.now.all.mean_s == 3600
    assert found.then.all.mean_s == 1200


def test_only_the_span_asked_for_is_replayed(month):
    now = clock.now()
    with month.session() as session:
        assert service.plan_pool(session, "npu", Change(), begin=now - timedelta(minutes=5)).jobs == []
        with pytest.raises(Invalid):
            service.plan_pool(session, "npu", Change(), begin=now, end=now - timedelta(days=1))
        with pytest.raises(Invalid):
            service.plan_pool(session, "npu", Change(), end=now.replace(year=1))
        with pytest.raises(Invalid):
            service.plan_pool(session, "npu", Change(more_nodes=-100))


def test_a_recorded_pool_that_is_too_large_is_refused(month, monkeypatch):
    monkeypatch.setattr(planning, "MOST_JOBS", 2)
    with month.session() as session, pytest.raises(PlanTooLarge):
        service.plan_pool(session, "npu", Change())


def test_a_log_has_no_nodes_to_add():
    with pytest.raises(Invalid):
        task(Change(more_nodes=1))


def test_jobs_run_at_most_to_their_limit_in_a_replay():
    asked = replaying.PlanTask("x", [past("a", 1, 500.0, limit_s=100.0)], b"", 4, *Change().plans(0))
    assert asked.then.machine == Machine(0)
    assert work_out(asked).now.all.card_hours == pytest.approx(100 / 3600)
