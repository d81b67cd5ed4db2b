"""The ledger against a model that is trivially correct. After every step balances agree; at the end the whole ledger checks."""

import itertools
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule, run_state_machine_as_test

from wutong.kit import clock
from wutong.ledger import service as ledger
from wutong.ledger.rules import AccountKey, AccountKind, InsufficientFunds, KeyReused, NotReversible, Purpose, Terms
from wutong.ledger.splits import Source, allot

PAYER = AccountKey("centre", AccountKind.PROGRAMME)
amounts = st.integers(1, 400)


@dataclass
class ModelHold:
    sources: dict[str, int] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)
    charged: int = 0
    open: bool = True


class Model:
    """Free amounts by pocket ("" is cash), what is owed, holds and charges."""

    def __init__(self) -> None:
        self.free = {"": 0}
        self.debt = 0
        self.credits: dict[str, tuple[int, float]] = {}
        self.holds: dict[str, ModelHold] = {}
        self.charges: dict[str, dict[str, int]] = {}

    @property
    def held(self) -> int:
        return sum(sum(hold.sources.values()) for hold in self.holds.values())

    def receive(self, amount: int) -> None:
        self.free[""] += amount
        paid = min(self.free[""], self.debt)
        self.free[""] -= paid
        self.debt -= paid

    def sources(self, hold: ModelHold, now: float) -> list[Source]:
        fitting = sorted((until, label, share) for label, (share, until) in self.credits.items() if until > now and self.free[label])
        used = {label: hold.sources.get(label, 0) + hold.paid.get(label, 0) for _, label, _ in fitting}
        return [*(Source(label, share, self.free[label], used[label]) for _, label, share in fitting), Source("", 1000, self.free[""])]

    def take(self, hold: ModelHold, need: int, total: int, now: float) -> bool:
        takes, left = allot(need, total, self.sources(hold, now))
        for label, amount in takes.items() if not left else ():
            self.free[label] -= amount
            hold.sources[label] = hold.sources.get(label, 0) + amount
        return not left

    def charge(self, hold: ModelHold, due: int) -> dict[str, int]:
        shares = {label: self.credits[label][0] if label else 1000 for label in hold.sources}
        held = [Source(label, shares[label], amount, hold.paid.get(label, 0)) for label, amount in hold.sources.items()]
        parts = sorted(held, key=lambda part: part.is_cash)
        hold.charged += due
        takes, left = allot(due, hold.charged, parts)
        for label, taken in takes.items():
            hold.sources[label] -= taken
            hold.paid[label] = hold.paid.get(label, 0) + taken
        cash = min(left, self.free[""])
        self.free[""] -= cash
        self.debt += left - cash
        return {label: takes.get(label, 0) + (left if label == "" else 0) for label in {*takes, ""}}


class LedgerMachine(RuleBasedStateMachine):
    """Any verb in any order, and any key again."""

    database = None
    numbers = itertools.count()
    holds = Bundle("holds")
    charges = Bundle("charges")
    top_ups = Bundle("top_ups")

    def __init__(self) -> None:
        super().__init__()
        self.tenant = f"tnt_{next(self.numbers)}"
        self.model = Model()
        self.clock = clock.FakeClock()
        self.scope = clock.use(self.clock)
        self.scope.__enter__()

    def teardown(self) -> None:
        self.scope.__exit__(None, None, None)
        with self.database.session() as session:
            assert ledger.check(session).problems == []

    def key(self, kind: str) -> str:
        return f"{kind}:{self.tenant}:{next(self.numbers)}"

    @rule(target=top_ups, amount=amounts)
    def top_up(self, amount):
        key = self.key("top")
        for new in (True, False):
            with self.database.session() as session:
                assert ledger.top_up(session, tenant_id=self.tenant, amount_fen=amount, key=key, reference="r").new is new
        self.model.receive(amount)
        return key, amount

    @rule(amount=amounts)
    def refund(self, amount):
        with self.database.session() as session:
            if amount > self.model.free[""]:
                with pytest.raises(InsufficientFunds):
                    ledger.refund(session, tenant_id=self.tenant, amount_fen=amount, key=self.key("refund"), reference="r")
            else:
                ledger.refund(session, tenant_id=self.tenant, amount_fen=amount, key=self.key("refund"), reference="r")
                self.model.free[""] -= amount

    @rule(amount=amounts, share=st.integers(1, 1000), days=st.integers(1, 9))
    def grant(self, amount, share, days):
        now, key = self.clock.now(), self.key("grant")
        terms = Terms(now, now + timedelta(days=days), share)
        for _ in range(2):
            with self.database.session() as session:
                credit = ledger.grant_credit(
                    session, tenant_id=self.tenant, payer=PAYER, amount=amount, unit="fen", terms=terms, key=key, label="voucher"
                )
        self.model.credits[credit.id] = share, terms.valid_until.timestamp()
        self.model.free[credit.id] = amount

    @rule(target=holds, amount=amounts)
    def place(self, amount):
        key, hold = self.key("hold"), ModelHold()
        done = self.model.take(hold, amount, amount, self.clock.now().timestamp())
        for _ in range(2):
            with self.database.session() as session:
                if done:
                    placed = ledger.place_hold(session, tenant_id=self.tenant, key=key, amount=amount, cause_kind="job", cause_id="j")
                    assert placed.remaining == amount
                else:
                    with pytest.raises(InsufficientFunds):
                        ledger.place_hold(session, tenant_id=self.tenant, key=key, amount=amount, cause_kind="job", cause_id="j")
        if not done:
            return multiple()
        with self.database.session() as session, pytest.raises(KeyReused):
            ledger.place_hold(session, tenant_id=self.tenant, key=key, amount=amount + 1, cause_kind="job", cause_id="j")
        self.model.holds[key] = hold
        return key

    @rule(key=holds, amount=amounts)
    def extend(self, key, amount):
        hold = self.model.holds[key]
        need = amount - sum(hold.sources.values())
        if not hold.open:
            return
        done = need <= 0 or self.model.take(hold, need, hold.charged + amount, self.clock.now().timestamp())
        with self.database.session() as session:
            if done:
                assert ledger.extend_hold(session, key, to_amount=amount).remaining == sum(hold.sources.values())
            else:
                with pytest.raises(InsufficientFunds):
                    ledger.extend_hold(session, key, to_amount=amount)

    @rule(target=charges, hold=holds, amount=amounts)
    def capture(self, hold, amount):
        key = self.key("usage")
        parts = self.model.charge(self.model.holds[hold], amount)
        answers = []
        for _ in range(2):
            with self.database.session() as session:
                answers.append(self.charge(session, hold, key, amount))
        assert answers[0] == answers[1]
        assert sum(part.amount for part in answers[0].sources) == amount
        with self.database.session() as session, pytest.raises(KeyReused):
            self.charge(session, hold, key, amount + 1)
        self.model.charges[key] = parts
        return key

    def charge(self, session, hold, key, amount):
        at = self.clock.now()
        return ledger.capture(session, hold, transfer_key=key, amount=amount, at=at, memo="m", cause_kind="job", cause_id="j")

    @rule(key=holds)
    def release(self, key):
        hold = self.model.holds[key]
        for label, amount in hold.sources.items():
            if label:
                self.model.free[label] += amount
            elif amount:
                self.model.receive(amount)
        hold.sources = {}
        hold.open = False
        for _ in range(2):
            with self.database.session() as session:
                assert ledger.release_hold(session, key).remaining == 0

    @rule(key=consumes(charges))
    def reverse_charge(self, key):
        for label, amount in self.model.charges[key].items():
            if label:
                self.model.free[label] += amount
            elif amount:
                self.model.receive(amount)
        self.reverse(key)

    @rule(top=consumes(top_ups))
    def reverse_top_up(self, top):
        key, amount = top
        cash = self.model.free[""]
        self.model.free[""] = max(0, cash - amount)
        self.model.debt += max(0, amount - cash)
        self.reverse(key)

    def reverse(self, key):
        for again in (False, True):
            with self.database.session() as session:
                assert (ledger.reverse(session, key, new_key=f"back:{key}", reason="wrong", who_name="a") == 0) is again
        with self.database.session() as session, pytest.raises(NotReversible):
            ledger.reverse(session, key, new_key=f"other:{key}", reason="wrong", who_name="a")

    @rule(days=st.integers(0, 4))
    def expire(self, days):
        now = self.clock.advance(days * 86400)
        with self.database.session() as session:
            ledger.expire_credits(session, now)
        for label, (_, until) in self.model.credits.items():
            if until <= now.timestamp():
                self.model.free[label] = 0

    @invariant()
    def agrees(self):
        with self.database.session() as session:
            balance = ledger.balance(session, self.tenant)
            assert (balance.cash_fen, balance.held_fen, balance.debt_fen) == (self.model.free[""], self.model.held, self.model.debt)
            kept = {credit.id: credit.remaining for credit in balance.credits if credit.remaining}
            assert kept == {label: amount for label, amount in self.model.free.items() if label and amount}
            since, until = self.clock.now() - timedelta(days=9999), self.clock.now() + timedelta(days=1)
            lines = ledger.statement(session, self.tenant, since=since, until=until).items
            if len(lines) < 50:
                worth = sum(self.model.free.values()) + self.model.held - self.model.debt
                assert (lines[-1].balance_after if lines else 0) == worth
            available = ledger.available(session, self.tenant, purpose=Purpose())
            assert balance.cash_fen <= available <= balance.cash_fen + sum(kept.values())


def test_the_ledger_agrees_with_the_model(database):
    machine = type("Machine", (LedgerMachine,), {"database": database})
    run_state_machine_as_test(machine)
