"""Many at once: the last fen is held once, nobody waits crosswise, and the sums are right."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from wutong.kit import clock
from wutong.ledger import service as ledger
from wutong.ledger.rules import InsufficientFunds, KeyReused


def together(count, work):
    """Run `work(number)` in threads that begin at once; return results, with errors as results."""
    barrier = Barrier(count)

    def one(number):
        barrier.wait()
        try:
            return work(number)
        except (InsufficientFunds, KeyReused) as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_the_last_fen_is_held_once(database):
    with database.session() as session:
        ledger.top_up(session, tenant_id="t", amount_fen=100, key="top", reference="r")

    def hold(number):
        with database.session() as session:
            return ledger.place_hold(session, tenant_id="t", key=f"h{number}", amount=100, cause_kind="job", cause_id=str(number))

    results = together(4, hold)
    assert sum(isinstance(result, InsufficientFunds) for result in results) == 3
    with database.session() as session:
        balance = ledger.balance(session, "t")
        assert (balance.cash_fen, balance.held_fen) == (0, 100)


def test_one_key_at_once_is_one_movement(database):
    def act(number):
        with database.session() as session:
            new = ledger.top_up(session, tenant_id="t", amount_fen=100, key="top", reference="r").new
        with database.session() as session:
            hold = ledger.place_hold(session, tenant_id="t", key="h", amount=60, cause_kind="job", cause_id="j")
        with database.session() as session:
            paid = ledger.capture(session, "h", transfer_key="u", amount=90, at=clock.now(), memo="m", cause_kind="job", cause_id="j")
        with database.session() as session:
            ledger.release_hold(session, "h")
        with database.session() as session:
            ledger.reverse(session, "u", new_key="back", reason="wrong", who_name="a")
        return new, hold.id, paid

    results = together(6, act)
    assert sum(new for new, _, _ in results) == 1
    assert len({(hold, paid) for _, hold, paid in results}) == 1
    with database.session() as session:
        assert ledger.balance(session, "t").cash_fen == 100
        assert ledger.check(session).ok


def test_one_charge_key_for_two_holds_is_refused_once(database):
    with database.session() as session:
        ledger.top_up(session, tenant_id="t", amount_fen=100, key="top", reference="r")
        for key in ("h0", "h1"):
            ledger.place_hold(session, tenant_id="t", key=key, amount=50, cause_kind="job", cause_id="j")

    def charge(number):
        with database.session() as session:
            return ledger.capture(session, f"h{number}", transfer_key="u", amount=9, at=clock.now(), memo="m", cause_kind="job", cause_id="j")

    results = together(2, charge)
    assert sum(isinstance(result, KeyReused) for result in results) == 1
    with database.session() as session:
        assert ledger.check(session).ok


def test_eight_writers_on_few_tenants_never_wait_crosswise(database):
    tenants = [f"t{number}" for number in range(3)]

    def write(number):
        chance = random.Random(number)
        for turn in range(12):
            tenant, key = chance.choice(tenants), f"{number}:{turn}"
            with database.session() as session:
                ledger.top_up(session, tenant_id=tenant, amount_fen=20, key=f"top:{key}", reference="r")
            try:
                with database.session() as session:
                    ledger.place_hold(session, tenant_id=tenant, key=key, amount=15, cause_kind="job", cause_id=key)
            except InsufficientFunds:
                continue
            with database.session() as session:
                usage = {"at": clock.now(), "memo": "m", "cause_kind": "job", "cause_id": key}
                ledger.capture(session, key, transfer_key=f"u:{key}", amount=chance.randrange(1, 40), **usage)
            with database.session() as session:
                ledger.release_hold(session, key)

    assert together(8, write) == [None] * 8
    with database.session() as session:
        report = ledger.check(session)
        assert report.ok
        balances = [ledger.balance(session, tenant) for tenant in tenants]
    assert all(balance.held_fen == 0 and not (balance.cash_fen and balance.debt_fen) for balance in balances)
