"""Payments with four eyes: what is entered counts only when another approves it, whatever people try."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from tests.compute import money as world
from tests.tables import empty

from wutong.compute.orders import service as orders
from wutong.compute.orders.proposal_rules import OnlyProposer, ProposalStands, ProposalState, SecondPerson
from wutong.compute.orders.rules import PaymentKind, ReferenceUsed
from wutong.identity import service as identity
from wutong.identity.rules import AuditFilters, CentreRole, Principal
from wutong.kit.errors import Forbidden, Invalid, NotFound, Problem
from wutong.kit.paging import PageRequest
from wutong.ledger import service as ledger
from wutong.ledger.rules import InsufficientFunds

AUDITOR = Principal("per_auditor", "Auditor", None, None, frozenset({CentreRole.AUDITOR}))
ANNA, BO, CHEN = (Principal(f"per_{name}", name, None, None, frozenset({CentreRole.FINANCE})) for name in ("anna", "bo", "chen"))
CODES = ("91350100M000100Y43", "91110000600037341L")


def add_tenant(session, number=0):
    tenant, _ = identity.register_tenant(
        session,
        name=f"Lab {number}",
        credit_code=CODES[number],
        kind="university",
        person_name="Lin",
        email=f"lin{number}@example.org",
        password_hash="x",
    )
    return tenant.id


@pytest.fixture
def tenant(session):
    return add_tenant(session)


def propose(session, tenant, who=ANNA, kind=PaymentKind.TOP_UP, amount=100_00, reference="ICBC 1", **more):
    return orders.propose_payment(session, who, kind, tenant_id=tenant, amount_fen=amount, reference=reference, **more)


def cash(session, tenant):
    return ledger.balance(session, tenant).cash_fen


def test_money_moves_when_another_approves(session, tenant):
    made = propose(session, tenant, memo="contract 7")
    assert (made.state, cash(session, tenant)) == (ProposalState.PROPOSED, 0)
    done = orders.approve_payment(session, BO, made.id)
    assert (done.state, done.proposed_by, done.decided_by) == (ProposalState.APPROVED, ANNA.person_id, BO.person_id)
    assert cash(session, tenant) == 100_00
    assert [payment.id for payment in orders.list_payments(session, AUDITOR, tenant_id=tenant).items] == [done.payment_id]


def test_nobody_approves_or_rejects_their_own(session, tenant):
    made = propose(session, tenant)
    for decide in (orders.approve_payment, lambda *given: orders.reject_payment(*given, reason="no")):
        with pytest.raises(SecondPerson):
            decide(session, ANNA, made.id)
    assert cash(session, tenant) == 0


def test_the_database_refuses_one_pair_of_eyes_too(session, tenant):
    made = propose(session, tenant)
    orders.approve_payment(session, BO, made.id)
    with pytest.raises(IntegrityError, match="four_eyes"), session.begin_nested():
        session.execute(text("UPDATE compute_payment_proposal SET decided_by = proposed_by"))


def test_small_amounts_need_one_person_where_the_centre_says_so(session, tenant):
    assert propose(session, tenant, amount=50_00, alone_fen=50_00).state is ProposalState.APPROVED
    assert cash(session, tenant) == 50_00
    larger = propose(session, tenant, amount=50_01, alone_fen=50_00, reference="ICBC 2")
    with pytest.raises(SecondPerson):
        orders.approve_payment(session, ANNA, larger.id)


def test_a_rejected_one_says_why_and_frees_its_reference(session, tenant):
    made = propose(session, tenant)
    with pytest.raises(Invalid):
        orders.reject_payment(session, BO, made.id, reason=" ")
    assert orders.reject_payment(session, BO, made.id, reason="wrong organisation").note == "wrong organisation"
    with pytest.raises(ProposalStands):
        orders.approve_payment(session, BO, made.id)
    assert propose(session, tenant).state is ProposalState.PROPOSED


def test_only_its_author_withdraws_one(session, tenant):
    made = propose(session, tenant)
    with pytest.raises(OnlyProposer):
        orders.withdraw_payment(session, BO, made.id)
    assert orders.withdraw_payment(session, ANNA, made.id).state is ProposalState.WITHDRAWN


def test_a_bank_reference_counts_once(session, tenant):
    propose(session, tenant)
    with pytest.raises(ReferenceUsed):
        propose(session, tenant, who=BO, amount=1)
    orders.record_top_up(session, ANNA, tenant_id=tenant, amount_fen=5, reference="ICBC 9")
    with pytest.raises(ReferenceUsed):
        propose(session, tenant, reference="ICBC 9", amount=5)


def test_a_refund_of_what_is_gone_stays_open(session, tenant):
    made = propose(session, tenant, kind=PaymentKind.REFUND)
    with pytest.raises(InsufficientFunds), session.begin_nested():
        orders.approve_payment(session, BO, made.id)
    assert orders.list_proposals(session, AUDITOR).items[0].state is ProposalState.PROPOSED


def test_who_may_do_what(session, tenant):
    made = propose(session, tenant)
    for nobody in (world.OPERATOR, AUDITOR, world.member(tenant)):
        with pytest.raises(Forbidden):
            propose(session, tenant, who=nobody, reference="x")
        with pytest.raises(Forbidden):
            orders.approve_payment(session, nobody, made.id)
    with pytest.raises(Forbidden):
        orders.list_proposals(session, world.OPERATOR)
    with pytest.raises(NotFound):
        orders.approve_payment(session, BO, "prop_none")


def test_lists_page_filter_and_count(session, tenant):
    ids = [propose(session, tenant, reference=f"R{number}", memo="100% sure" if number == 2 else "").id for number in range(3)]
    orders.approve_payment(session, BO, ids[0])
    first = orders.list_proposals(session, AUDITOR, PageRequest(2))
    rest = orders.list_proposals(session, AUDITOR, PageRequest(2, first.next))
    assert [each.id for each in (*first.items, *rest.items)] == ids[::-1]
    assert orders.count_open_proposals(session, AUDITOR) == 2
    assert [each.id for each in orders.list_proposals(session, AUDITOR, state=ProposalState.APPROVED).items] == ids[:1]
    assert [each.id for each in orders.list_proposals(session, AUDITOR, text="100%").items] == ids[2:]
    assert orders.list_proposals(session, AUDITOR, tenant_id="ten_other").items == []


class Desk(RuleBasedStateMachine):
    """Three people of finance do what they like; a plain tally of what should count is kept beside."""

    database = None

    @initialize()
    def open_the_desk(self):
        empty(self.database)
        with self.database.session() as session:
            self.tenants = [add_tenant(session, number) for number in range(2)]
        self.money = dict.fromkeys(self.tenants, 0)
        self.open: dict[str, tuple[str, str, PaymentKind, int]] = {}
        self.closed: dict[str, ProposalState] = {}
        self.references: dict[str, str] = {}

    @rule(
        who=st.sampled_from([ANNA, BO, CHEN]),
        kind=st.sampled_from(list(PaymentKind)),
        amount=st.sampled_from([0, 1, 500, 900]),
        reference=st.sampled_from(["a", "b", "c", " a "]),
        place=st.integers(0, 1),
        alone=st.sampled_from([0, 500]),
    )
    def propose(self, who, kind, amount, reference, place, alone):
        tenant, key = self.tenants[place], reference.strip()
        at_once = amount <= alone
        short = kind is PaymentKind.REFUND and at_once and amount > self.money[tenant]
        try:
            with self.database.session() as session:
                made = propose(session, tenant, who, kind, amount, reference, alone_fen=alone)
        except Problem:
            assert amount == 0 or key in self.references or short
            return
        assert amount
        assert key not in self.references
        self.references[key] = made.id
        if made.state is ProposalState.APPROVED:
            assert at_once
            self.closed[made.id] = made.state
            self.money[tenant] += amount if kind is PaymentKind.TOP_UP else -amount
        else:
            self.open[made.id] = (tenant, who.person_id, kind, amount)

    @rule(who=st.sampled_from([ANNA, BO, CHEN]), to=st.sampled_from(["approve", "reject", "withdraw"]), which=st.integers(0, 20))
    def decide(self, who, to, which):
        ids = [*self.open, *self.closed]
        if not ids:
            return
        chosen = ids[which % len(ids)]
        tenant, author, kind, amount = self.open.get(chosen, ("", "", PaymentKind.TOP_UP, 0))
        may = chosen in self.open and (author == who.person_id) == (to == "withdraw")
        may = may and not (to == "approve" and kind is PaymentKind.REFUND and amount > self.money[tenant])
        try:
            with self.database.session() as session:
                done = (
                    orders.reject_payment(session, who, chosen, reason="no")
                    if to == "reject"
                    else {"approve": orders.approve_payment, "withdraw": orders.withdraw_payment}[to](session, who, chosen)
                )
        except Problem:
            assert not may
            return
        assert may
        del self.open[chosen]
        self.closed[chosen] = done.state
        if done.state is ProposalState.APPROVED:
            self.money[tenant] += amount if kind is PaymentKind.TOP_UP else -amount
        else:
            self.references = {key: each for key, each in self.references.items() if each != chosen}

    def teardown(self):
        """What was approved counts, and nothing else."""
        if not hasattr(self, "tenants"):
            return
        with self.database.session() as session:
            assert {tenant: cash(session, tenant) for tenant in self.tenants} == self.money
            assert {each.id: each.state for each in orders.list_proposals(session, AUDITOR).items if each.id in self.closed} == self.closed
            assert orders.count_open_proposals(session, AUDITOR) == len(self.open)


def test_whatever_finance_does(database):
    machine = type("DeskHere", (Desk,), {"database": database})
    run_state_machine_as_test(machine)


def test_every_step_leaves_its_line(session, tenant):
    made = propose(session, tenant)
    orders.approve_payment(session, BO, made.id)
    lines = identity.list_audit(session, AUDITOR, PageRequest(), AuditFilters(kind="payment_proposal")).items
    assert [(line.action, line.person_id, line.tenant_id) for line in lines] == [
        ("payment.approve", BO.person_id, tenant),
        ("payment.propose", ANNA.person_id, tenant),
    ]
