"""What a tenant runs on a cluster directly: registered once, metered by the hour, billed at the pool's normal price, and never twice."""

import pytest
from tests.centre.comparison.test_comparer import Keeper
from tests.compute import money as world

from wutong.centre import service as centre
from wutong.centre.engines.operations import Accounted
from wutong.centre.foreign.registrar import Registrar
from wutong.centre.registry import Engines
from wutong.centre.rules import RunSpec
from wutong.centre.utilisation.rules import By, Group
from wutong.centre.utilisation.tally import Tally
from wutong.compute.billing import service as billing
from wutong.compute.billing.direct import Direct
from wutong.compute.billing.settler import Settler
from wutong.compute.budgets.rules import month_of
from wutong.kit.loops import drain
from wutong.ledger import service as ledger


class House:
    def __init__(self, database, clock):
        self.database, self.clock, self.engine = database, clock, Keeper()
        self.engine.name = "fake"
        self.registrar = Registrar(database, Engines([self.engine]), tenant_of=lambda _, __, account: {"c-ten_a": "ten_a"}.get(account))
        self.loops = [self.registrar.step, Direct(database).step, Settler(database).step, Tally(database).step]
        self.registrar.step()

    def book(self, seconds, *, job="7", name="mine", account="c-ten_a", cards=4, ago=4000, **more):
        started = round(self.clock.now().timestamp()) - ago
        values = {"partition": "", "state": "COMPLETED", "accelerator": "npu910", "cpus": 8, "ours": False, "node": "n[1-2]", "user": "u", **more}
        self.engine.books.append(Accounted(name=name, job=job, account=account, cards=cards, started=started, ended=started + seconds, **values))

    def settle(self):
        self.clock.advance(600)
        for _ in range(2):
            for step in self.loops:
                drain(step)

    def registered(self):
        with self.database.session() as session:
            return centre.list_foreign(session)

    def bill(self):
        with self.database.session() as session:
            return billing.bill(session, world.member(), month_of(self.clock.now()))


@pytest.fixture
def house(database, fake_clock):
    with database.session() as session:
        world.add_centre(session)
        world.top_up(session, 100_000)
    house = House(database, fake_clock)
    fake_clock.advance(2 * 3600)
    return house


def test_it_is_billed_once_at_the_normal_price_and_counts_as_use(house):
    house.book(3600)
    house.settle()
    house.settle()
    (item,) = house.bill().items
    assert (item.job_name, item.amount_fen, item.card_ms) == ("used directly on the cluster: job 7 (mine)", 4 * 600, 4 * 3_600_000)
    with house.database.session() as session:
        assert ledger.balance(session, "ten_a").cash_fen == 100_000 - 2400
        assert ledger.check(session).problems == []
        assert centre.usage_totals(session) == (1, billing.rated_card_ms(session))
        now = house.clock.now()
        used = centre.utilisation(session, now.replace(hour=8), now, By.DAY, Group.NODE)
        assert {slot.key: slot.card_ms for slot in used if slot.card_ms} == {"npu/n1": 7_200_000, "npu/n2": 7_200_000}
        assert len(billing.bill_lines(session, world.member(), item.job_id).items) == 2, "one for each hour of the clock"


def test_it_goes_into_debt_if_need_be(house):
    house.book(3600, cards=400)
    house.settle()
    with house.database.session() as session:
        now = ledger.balance(session, "ten_a")
        assert (now.cash_fen, now.debt_fen) == (0, 400 * 600 - 100_000)
        assert ledger.check(session).problems == []


def test_each_start_of_a_requeued_job_counts_and_late_ones_too(house):
    house.book(60, ago=5000)
    house.book(60)
    house.settle()
    house.book(60, job="8", ago=2000)
    house.settle()
    assert [(start.job, start.is_billable) for start in house.registered()] == [("8", True), ("7", True), ("7", True)]
    assert house.bill().card_ms == 3 * 4 * 60_000


def test_what_nobody_is_known_to_pay_is_registered_and_not_billed(house):
    with house.database.session() as session:
        centre.request_run(session, RunSpec("w-job_1-1", "ten_b", ("true",)), pool="npu")
    house.book(60, job="1", account="root")
    house.book(60, job="2", accelerator="another")
    house.book(60, job="3", name="w-job_1-1")
    house.book(60, job="4", ours=True)
    house.book(60, job="5", ago=4 * 3600)
    house.settle()
    found = {start.job: start for start in house.registered()}
    assert set(found) == {"1", "2", "3"}, "ours, and what ran before the centre was connected, are not registered"
    assert (found["1"].tenant, found["2"].pool, found["3"].disputed) == (None, "", True)
    assert not any(start.is_billable for start in found.values())
    assert house.bill().items == []


def test_processors_alone_count_as_the_pool_counts_them(house):
    house.book(60, cards=None, accelerator="")
    house.settle()
    (start,) = house.registered()
    assert (start.pool, start.cards, start.is_billable) == ("", 8, False)
