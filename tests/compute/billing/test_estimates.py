"""An estimate says what a job costs at most, who would pay, and why it would be refused."""

from dataclasses import dataclass

from tests.compute import money as world

from wutong.centre.engines.protocol import EndReason
from wutong.compute.billing import service as billing
from wutong.compute.budgets import service as budgets
from wutong.compute.catalogue import service as catalogue
from wutong.compute.orders import service as orders
from wutong.kit import clock


@dataclass
class Wanted:
    flavour: str = "npu.8"
    nodes: int = 2
    time_limit_s: int = 7200


def test_the_most_it_can_cost_and_what_is_held(centre):
    with centre.session() as session:
        found = billing.estimate(session, world.member(), Wanted())
    assert (found.card_seconds, found.amount_fen, found.hold_fen) == (16 * 7200, 16 * 2 * 600, 16 * 600)
    assert (found.sources.cash_fen, found.sources.package_seconds, found.typical_fen, found.problems) == (19_200, 0, None, ())


def test_packages_pay_first(centre):
    with centre.session() as session:
        catalogue.offer_package(session, world.OPERATOR, name="p", accelerator="npu910", card_hours=20, price_fen=1, validity_days=9)
        orders.buy_package(session, world.member(), "p")
        found = billing.estimate(session, world.member(), Wanted())
    assert (found.sources.package_seconds, found.amount_fen) == (72_000, 12 * 600)
    assert (found.hold_package_seconds, found.hold_fen) == (57_600, 0)


def test_it_says_why_it_would_be_refused(centre):
    with centre.session() as session:
        budgets.put_limit(session, tenant_id="ten_poor", person_id=None, limit_fen=100, changed_by="test")
        found = billing.estimate(session, world.member("ten_poor"), Wanted(nodes=9))
    impossible, budget, money = found.problems
    assert "Ask for 1 to 4" in impossible
    assert "budget" in budget
    assert "Top up ¥432.00" in money


def test_what_is_typical_comes_from_the_tenants_own_past(centre, settle):
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, clock.now(), 600_000, final=True)
        billing.attempt_ended(session, run, reason=EndReason.COMPLETED, our_fault=False)
    settle()
    with centre.session() as session:
        mine = billing.estimate(session, world.member(), Wanted("npu.1", 1))
        other = billing.estimate(session, world.member("ten_b"), Wanted("npu.1", 1))
    assert (mine.typical_card_seconds, mine.typical_fen) == (600, 100)
    assert other.typical_fen is None
