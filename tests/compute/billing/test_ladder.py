"""Holds are extended while there is money; then come warnings, a grace with a checkpoint signal, and the stop."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.compute import money as world

from wutong.centre import service as machines
from wutong.centre.engines.protocol import RunSpec
from wutong.centre.runs.tables import RunRow
from wutong.compute.billing import service as billing
from wutong.compute.billing.ladder import Ladder
from wutong.compute.billing.ladder_rules import NoticeKind
from wutong.compute.billing.rules import package_unit
from wutong.compute.billing.settler import Settler
from wutong.compute.budgets import service as budgets
from wutong.kit import clock
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind, Terms

TENANT = "ten_poor"


class Story:
    """One job of a tenant with little money, running since the start, metered every minute."""

    def __init__(self, database, fake_clock, *, fen: int, limit_s: int = 10 * 3600) -> None:
        self.database, self.clock, self.settler = database, fake_clock, Settler(database)
        self.ladder = Ladder(database, grace=timedelta(minutes=10))
        with database.session() as session:
            world.top_up(session, fen, TENANT)
            self.run = world.start(session, tenant_id=TENANT, limit_s=limit_s, checkpoint_signal="SIGUSR1")
            machines.request_run(session, RunSpec(self.run, TENANT, ("train",)), pool="npu")
            session.execute(update(RunRow).values(phase="running"))

    def pass_minutes(self, count: int, *, at_a_time: int = 1) -> None:
        for _ in range(count // at_a_time):
            with self.database.session() as session:
                world.use(session, self.run, clock.now(), at_a_time * 60_000)
            self.clock.advance(at_a_time * 60)
            self.settler.step()
            self.ladder.step()

    @property
    def seen(self):
        with self.database.session() as session:
            run = session.get(RunRow, self.run)
            return run.send_signal, run.stop_why

    @property
    def notices(self):
        with self.database.session() as session:
            items = billing.list_notices(session, world.member(TENANT)).items
        return [(item.kind, item.level) for item in reversed(items)]

    @property
    def balance(self):
        with self.database.session() as session:
            return ledger.balance(session, TENANT)


def test_a_hold_is_extended_before_it_runs_dry(centre, fake_clock):
    story = Story(centre, fake_clock, fen=100_000)
    story.pass_minutes(150, at_a_time=10)
    assert story.balance.held_fen >= 300
    assert story.balance.debt_fen == 0
    assert story.seen == (None, None)
    assert story.notices == []


def test_a_hold_never_passes_the_time_limit(centre, fake_clock):
    story = Story(centre, fake_clock, fen=100_000, limit_s=90 * 60)
    story.pass_minutes(60, at_a_time=10)
    assert story.balance.held_fen <= 300


def test_the_whole_ladder(centre, fake_clock):
    story = Story(centre, fake_clock, fen=1_000)
    story.pass_minutes(78, at_a_time=6)
    assert story.notices == []
    story.pass_minutes(20, at_a_time=4)
    assert story.notices == [(NoticeKind.BALANCE, 80), (NoticeKind.BALANCE, 90)]
    assert story.seen == (None, None)
    story.pass_minutes(4)
    assert (NoticeKind.GRACE, 100) in story.notices
    assert story.seen == ("SIGUSR1", None)
    story.pass_minutes(12, at_a_time=2)
    assert story.seen[1] == "money"
    assert {kind for kind, _ in story.notices} == {NoticeKind.BALANCE, NoticeKind.GRACE, NoticeKind.STOPPED}
    assert story.balance.debt_fen > 0
    with centre.session() as session:
        assert billing.money_blocks(session, tenant_id=TENANT, person_id="per_a") is not None


def test_a_top_up_in_the_grace_lets_the_job_go_on(centre, fake_clock):
    story = Story(centre, fake_clock, fen=1_000)
    story.pass_minutes(100, at_a_time=10)
    story.pass_minutes(3)
    assert story.seen == ("SIGUSR1", None)
    with centre.session() as session:
        world.top_up(session, 100_000, TENANT)
        billing.funds_changed(session, TENANT)
    story.pass_minutes(60, at_a_time=10)
    assert story.seen[1] is None
    assert story.balance.debt_fen == 0
    with centre.session() as session:
        assert billing.money_blocks(session, tenant_id=TENANT, person_id="per_a") is None


@pytest.mark.parametrize("person_id", [None, "per_a"])
def test_a_used_up_budget_warns_and_then_stops_though_there_is_money(centre, fake_clock, person_id):
    story = Story(centre, fake_clock, fen=100_000)
    with centre.session() as session:
        budgets.put_limit(session, tenant_id=TENANT, person_id=person_id, limit_fen=200, changed_by="test")
    story.pass_minutes(16, at_a_time=4)
    story.pass_minutes(2, at_a_time=2)
    assert story.notices == [(NoticeKind.BUDGET, 80), (NoticeKind.BUDGET, 90)]
    story.pass_minutes(4, at_a_time=2)
    assert story.seen == ("SIGUSR1", None)
    with centre.session() as session:
        assert "used up" in billing.money_blocks(session, tenant_id=TENANT, person_id="per_a")
    story.pass_minutes(12, at_a_time=6)
    assert story.seen[1] == "money"


def test_warnings_are_written_once(centre, fake_clock):
    story = Story(centre, fake_clock, fen=1_000)
    story.pass_minutes(99, at_a_time=3)
    assert len(story.notices) == len(set(story.notices)) == 2


def test_packages_are_extended_first(centre, fake_clock):
    with centre.session() as session:
        unit = package_unit("npu910")
        terms = Terms(clock.now(), clock.now() + timedelta(days=9))
        payer = AccountKey(CENTRE, AccountKind.ISSUE, unit)
        ledger.grant_credit(session, tenant_id=TENANT, payer=payer, amount=100 * 60, unit=unit, terms=terms, key="package", label="Package")
    story = Story(centre, fake_clock, fen=1_000)
    assert story.balance.held_fen == 0
    story.pass_minutes(120, at_a_time=10)
    cost = world.money(centre)
    assert (cost.package_seconds, cost.amount_fen) == (6_000, 200)
    assert story.balance.cash_fen + story.balance.held_fen == 800
    with centre.session() as session:
        assert ledger.check(session).problems == []


@pytest.mark.parametrize("person_id", [None, "per_a"])
def test_a_new_budget_is_looked_at_at_once_for_all_whom_it_concerns(centre, fake_clock, person_id, monkeypatch):
    monkeypatch.setattr(budgets, "_is_member", lambda *_: True)
    story = Story(centre, fake_clock, fen=100_000)
    story.pass_minutes(5)
    owner, channel = world.member(TENANT), centre.listen([billing.CHANNEL])
    try:
        with centre.session() as session:
            billing.set_budget(session, owner, person_id=person_id, limit_fen=1)
        assert [heard.channel for heard in channel.notifies(timeout=10, stop_after=1)] == [billing.CHANNEL]
    finally:
        channel.close()
    story.ladder.step()
    assert story.seen == ("SIGUSR1", None)
    with centre.session() as session:
        billing.remove_budget(session, owner, person_id=person_id)
    story.ladder.step()
    story.pass_minutes(11)
    assert story.seen[1] is None, "what nobody limits any more goes on"
