"""Charging and letting go of many holds: the same results as one by one, whatever they are made of."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from wutong.kit import clock
from wutong.ledger import service as ledger
from wutong.ledger.rules import AccountKey, AccountKind, HoldState, Terms

CASH, VOUCHER, POOR = "cash", "voucher", "poor"


def prepare(session, prefix, holds):
    """Give three organisations money, one with a credit and one in debt, and place their holds."""
    now = clock.now()
    for tenant in (CASH, VOUCHER, POOR):
        ledger.top_up(session, tenant_id=prefix + tenant, amount_fen=1000, key=f"{prefix}{tenant}", reference="r")
    payer, terms = AccountKey("centre", AccountKind.PROGRAMME), Terms(now, now + timedelta(days=1), 500)
    ledger.grant_credit(session, tenant_id=prefix + VOUCHER, payer=payer, amount=100, unit="fen", terms=terms, key=f"{prefix}g", label="V")
    for number, (tenant, amount) in enumerate(holds):
        key = f"{prefix}h{number}"
        ledger.place_hold(session, tenant_id=prefix + tenant, key=key, amount=amount, cause_kind="job", cause_id=str(number))
    ledger.place_hold(session, tenant_id=prefix + POOR, key=f"{prefix}owing", amount=1, cause_kind="job", cause_id="owing")
    one(session, usage(prefix, "owing", "owed", 1200))


def usage(prefix, hold, key, amount):
    return ledger.Usage(f"{prefix}{hold}", f"{prefix}{key}", amount, clock.now(), "m", "job", hold)


def one(session, use):
    return ledger.capture(
        session,
        use.hold_key,
        transfer_key=use.transfer_key,
        amount=use.amount,
        at=use.at,
        memo=use.memo,
        cause_kind=use.cause_kind,
        cause_id=use.cause_id,
    )


def state(session, prefix, count):
    """Return what can be seen of the organisations and their holds, without the prefix."""
    balances = [ledger.balance(session, prefix + tenant) for tenant in (CASH, VOUCHER, POOR)]
    sums = [(each.cash_fen, each.held_fen, each.debt_fen, [credit.remaining for credit in each.credits]) for each in balances]
    holds = [ledger.get_hold(session, f"{prefix}h{number}") for number in range(count)]
    return sums, [(hold.state, hold.charged, hold.remaining, hold.steps) for hold in holds]


def parts(paid):
    """Return who paid how much; credits have names of their own."""
    return [(part.pocket, bool(part.label), part.amount) for part in paid.sources]


HOLDS = st.lists(st.tuples(st.sampled_from([CASH, VOUCHER, POOR]), st.integers(1, 60)), min_size=1, max_size=4)
USES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=8)


@settings(max_examples=25)
@given(holds=HOLDS, uses=USES)
def test_many_at_once_come_out_as_one_by_one(database, holds, uses):
    with database.session() as session:
        prepare(session, "a", holds)
        prepare(session, "b", holds)
        chosen = [(f"h{number % len(holds)}", f"u{place}", amount) for place, (number, amount) in enumerate(uses)]
        singly = {use: one(session, usage("a", *use)) for use in sorted(chosen)}
        many = ledger.capture_many(session, [usage("b", *use) for use in sorted(chosen)])
        if all(paid.from_cash + paid.debt == 0 for paid in singly.values()):
            assert [parts(paid) for paid in many] == [parts(paid) for paid in singly.values()]
        assert [paid.from_hold + paid.from_cash + paid.debt for paid in many] == [use[2] for use in sorted(chosen)]
        for number in range(len(holds)):
            ledger.release_hold(session, f"ah{number}")
        ledger.release_many(session, [*(f"bh{number}" for number in range(len(holds))), "nobody's"])
        if all(paid.from_cash + paid.debt == 0 for paid in singly.values()):
            assert state(session, "a", len(holds)) == state(session, "b", len(holds))
        assert ledger.check(session).ok
        session.rollback()


def test_repeating_a_batch_charges_and_releases_nothing_more(session):
    prepare(session, "", [(CASH, 50), (VOUCHER, 50), (POOR, 50)])
    uses = [usage("", f"h{number}", f"u{number}", 20) for number in range(3)]
    first = ledger.capture_many(session, uses)
    transfers = ledger.check(session).transfers
    assert ledger.capture_many(session, uses) == first
    assert ledger.check(session).transfers == transfers
    keys = [use.hold_key for use in uses]
    ledger.release_many(session, keys)
    transfers = ledger.check(session).transfers
    ledger.release_many(session, keys)
    assert ledger.check(session).transfers == transfers
    assert {ledger.get_hold(session, key).state for key in keys} == {HoldState.RELEASED}


def test_what_comes_free_pays_a_debt_first(session):
    prepare(session, "", [(POOR, 50)])
    before = ledger.balance(session, POOR)
    ledger.release_many(session, ["h0"])
    after = ledger.balance(session, POOR)
    assert before.debt_fen > 0
    assert after.debt_fen == before.debt_fen - 50
    assert after.cash_fen == before.cash_fen == 0


def test_a_charge_after_the_release_goes_to_cash_and_many_charges_of_one_hold_never_take_more_than_it_has(session):
    prepare(session, "", [(CASH, 50), (CASH, 30)])
    ledger.release_many(session, ["h0"])
    paid = ledger.capture_many(session, [usage("", "h0", "late", 7), usage("", "h1", "u1", 20), usage("", "h1", "u2", 20)])
    assert [(each.from_hold, each.from_cash) for each in paid] == [(0, 7), (20, 0), (10, 10)]
    assert ledger.check(session).ok
