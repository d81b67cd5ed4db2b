"""The verbs one by one, in the cases the model does not cover: words, units, purposes, pages, causes."""

from datetime import timedelta

import pytest

from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.paging import PageRequest
from wutong.ledger import service as ledger
from wutong.ledger.rules import AccountKey, AccountKind, HoldClosed, InsufficientFunds, KeyReused, NoSuchHold, NotReversible, Purpose, Terms, Transfer

NPU = "card_second:npu"
ISSUE = AccountKey("centre", AccountKind.ISSUE, NPU)


def top_up(session, amount, key="top", tenant="t"):
    return ledger.top_up(session, tenant_id=tenant, amount_fen=amount, key=key, reference="BANK-1", memo="July")


def hold(session, amount, key="h", **more):
    return ledger.place_hold(session, tenant_id="t", key=key, amount=amount, cause_kind="job", cause_id="j", **more)


def charge(session, amount, key="u", on="h", at=None):
    return ledger.capture(session, on, transfer_key=key, amount=amount, at=at or clock.now(), memo="m", cause_kind="job", cause_id="j")


def grant(session, amount, unit="fen", share=1000, key="g", **terms):
    now = clock.now()
    payer = AccountKey("centre", AccountKind.PROGRAMME) if unit == "fen" else ISSUE
    about = Terms(now, now + timedelta(days=30), share, **terms)
    return ledger.grant_credit(session, tenant_id="t", payer=payer, amount=amount, unit=unit, terms=about, key=key, label="V")


@pytest.mark.parametrize("amount", [0, -1, -10_000])
def test_a_negative_top_up_is_refused_clearly(session, amount):
    with pytest.raises(Invalid, match="recorded as a refund"):
        top_up(session, amount)
    with pytest.raises(Invalid, match="recorded as a top-up"):
        ledger.refund(session, tenant_id="t", amount_fen=amount, key="r", reference="r")
    assert ledger.check(session).transfers == 0


def test_the_error_says_what_is_needed_and_how_much_is_missing(session):
    top_up(session, 1234)
    with pytest.raises(InsufficientFunds, match=r"needs ¥20\.00, but only ¥12\.34 .* at least ¥7\.66") as caught:
        hold(session, 2000)
    assert caught.value.params["missing_amount"] == 766
    assert caught.value.status == 402


def test_debt_is_paid_first_by_the_next_top_up(session):
    top_up(session, 100)
    hold(session, 60)
    assert (charge(session, 150).from_hold, charge(session, 150).from_cash, charge(session, 150).debt) == (60, 40, 50)
    assert top_up(session, 80, key="again").debt_paid_fen == 50
    balance = ledger.balance(session, "t")
    assert (balance.cash_fen, balance.debt_fen) == (30, 0)


def test_a_package_pays_in_its_unit_and_cannot_be_owed(session):
    grant(session, 3600, unit=NPU)
    assert ledger.available(session, "t", NPU, Purpose()) == 3600
    assert ledger.available(session, "t") == 0
    hold(session, 3000, unit=NPU)
    assert charge(session, 3000).from_hold == 3000
    with pytest.raises(Invalid, match="0 card_second:npu left"):
        charge(session, 1, key="more")
    with pytest.raises(InsufficientFunds, match="card-hours"):
        hold(session, 601, key="h2", unit=NPU)


def test_a_credit_pays_only_for_its_purpose(session):
    grant(session, 500, flavours=("npu.8",))
    with pytest.raises(InsufficientFunds):
        hold(session, 100, purpose=Purpose(flavour="cpu.1"))
    assert hold(session, 100, purpose=Purpose(flavour="npu.8")).remaining == 100


def test_two_vouchers_stack_by_their_shares(session):
    grant(session, 1000, share=500, key="city")
    grant(session, 1000, share=300, key="province")
    top_up(session, 1000)
    hold(session, 1000)
    assert sorted(part.amount for part in charge(session, 100).sources) == [20, 30, 50]


def test_expiry_takes_what_is_free_and_later_what_was_held(database, fake_clock):
    with database.session() as session:
        credit = grant(session, 100)
        hold(session, 60)
        fake_clock.advance(31 * 86400)
        assert ledger.expire_credits(session) == 1
        assert ledger.expire_credits(session) == 0
        assert charge(session, 10).sources[0].label == credit.id
        ledger.release_hold(session, "h")
        assert ledger.expire_credits(session) == 1
        assert ledger.expire_credits(session) == 0
        assert ledger.balance(session, "t").credits == []
        assert ledger.account_balance(session, AccountKey("centre", AccountKind.PROGRAMME)) == -10
        ledger.reverse(session, "u", new_key="back", reason="our fault", who_name="a")
        assert ledger.expire_credits(session) == 1
        assert ledger.account_balance(session, AccountKey("centre", AccountKind.PROGRAMME)) == 0
        assert ledger.check(session).ok


def test_a_spent_grant_is_not_reversed_beyond_what_is_left(session):
    grant(session, 100)
    hold(session, 60)
    with pytest.raises(NotReversible, match="Only 40 of 100"):
        ledger.reverse(session, "grant:g", new_key="back", reason="withdrawn", who_name="a")
    ledger.release_hold(session, "h")
    assert ledger.reverse(session, "grant:g", new_key="back", reason="withdrawn", who_name="a") == 1
    assert ledger.available(session, "t") == 0


def test_holds_and_reversals_are_not_reversed(session):
    top_up(session, 100)
    hold(session, 60)
    ledger.reverse(session, "top", new_key="back", reason="wrong account", who_name="a")
    assert ledger.balance(session, "t").debt_fen == 60
    for key in ("hold:h/1#1", "back"):
        with pytest.raises(NotReversible):
            ledger.reverse(session, key, new_key="again", reason="", who_name="a")
    with pytest.raises(NotFound):
        ledger.reverse(session, "nothing", new_key="again", reason="", who_name="a")


def test_a_released_hold_is_closed_but_late_usage_is_charged(session):
    top_up(session, 100)
    hold(session, 60)
    ledger.release_hold(session, "h")
    with pytest.raises(HoldClosed):
        ledger.extend_hold(session, "h", to_amount=10)
    assert charge(session, 30).from_cash == 30
    assert ledger.find_hold(session, "none") is None
    with pytest.raises(NoSuchHold):
        charge(session, 1, on="none")


def test_keys_are_not_used_twice_for_different_things(session):
    top_up(session, 100)
    with pytest.raises(KeyReused):
        top_up(session, 101)
    with pytest.raises(KeyReused):
        top_up(session, 100, tenant="other")
    grant(session, 10)
    with pytest.raises(KeyReused):
        grant(session, 11)


def test_nothing_is_charged_for_nothing(session):
    top_up(session, 100)
    hold(session, 60)
    assert charge(session, 0).sources == ()
    with pytest.raises(Invalid):
        charge(session, -1)


def test_a_statement_goes_by_time_in_pages_and_links_causes(database, fake_clock):
    start = fake_clock.now()
    with database.session() as session:
        top_up(session, 10_000)
        grant(session, 1000, share=300)
        hold(session, 5000)
        for number in range(7):
            charge(session, 100, key=f"u{number}", at=fake_clock.advance(60))
        ledger.reverse(session, "u3", new_key="back", reason="node lost", who_name="settler")
    with database.session() as session:
        whole = ledger.statement(session, "t", since=start, until=start + timedelta(days=1)).items
        assert [line.amount_fen for line in whole] == [10_000, 1000, -100, -100, -100, -100, -100, -100, -100, 100]
        assert whole[-1].balance_after == 10_400
        assert [part.amount for part in whole[2].parts] == [-30, -70]
        assert (whole[2].cause_kind, whole[2].cause_id, whole[2].transfer_key) == ("job", "j", "u0")
        paged, after = [], None
        while True:
            request = PageRequest(limit=3, after=after)
            page = ledger.statement(session, "t", since=start, until=start + timedelta(days=1), page=request)
            paged += page.items
            after = page.next
            if after is None:
                break
        assert paged == whole
        late = ledger.statement(session, "t", since=start + timedelta(seconds=180), until=start + timedelta(seconds=300)).items
        assert [(line.amount_fen, line.balance_after) for line in late] == [(-100, 10_700), (-100, 10_600)]
        assert ledger.statement(session, "stranger", since=start, until=start + timedelta(days=1)).items == []


def test_transfers_that_make_no_sense_cannot_be_written(session):
    now, cash, bank = clock.now(), AccountKey("t", AccountKind.CASH), AccountKey("centre", AccountKind.BANK)
    for source, target, amount in (
        (cash, cash, 1),
        (cash, bank, 0),
        (cash, bank, -1),
        (cash, AccountKey("centre", AccountKind.BANK, NPU), 1),
        (cash, AccountKey("other", AccountKind.CASH), 1),
    ):
        with pytest.raises(ValueError):
            Transfer("k", source, target, amount, "c", "c", "", now)
    with pytest.raises(ValueError):
        ledger.post(session, [Transfer("k", cash, AccountKey("t", AccountKind.HOLD), 1, "c", "c", "", now)])
    assert ledger.post(session, []) == 0


def test_cash_is_held_in_one_go_only_where_nothing_else_could_pay(session):
    def quick(amount, key="q", beside=()):
        about = {"purpose": Purpose(), "cause_kind": "job", "beside": beside}
        return ledger.place_cash_holds(session, tenant_id="t", causes={key: "j"}, amount=amount, **about).get(key)

    assert quick(10) is None  # no account at all
    top_up(session, 100)
    assert quick(101) is None
    placed = quick(60)
    assert placed == ledger.get_hold(session, "q")
    assert quick(60) is None
    assert hold(session, 60, key="q") == placed
    grant(session, 500, unit=NPU, key="package")
    assert quick(10, "r", beside=(NPU,)) is None
    assert quick(10, "r") is not None
    grant(session, 50)
    assert quick(10, "s") is None
    balance = ledger.balance(session, "t")
    assert (balance.cash_fen, balance.held_fen) == (30, 70)
    assert ledger.check(session).ok


def test_cash_is_held_for_as_many_as_it_lasts(session):
    top_up(session, 100)
    causes = {f"h{number}": f"j{number}" for number in range(4)}
    placed = ledger.place_cash_holds(session, tenant_id="t", causes=causes, amount=30, purpose=Purpose(), cause_kind="job")
    assert len(placed) == 3
    assert all(ledger.get_hold(session, key) == found and found.cause_id == causes[key] for key, found in placed.items())
    assert ledger.balance(session, "t").cash_fen == 10
    assert ledger.check(session).ok
