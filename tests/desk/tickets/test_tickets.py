"""Tickets: who sees them, whose turn it is, what is new, and what is refused."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.desk.conftest import make_cast
from tests.tables import empty

from wutong.desk.notices import service as notices
from wutong.desk.tickets import service
from wutong.desk.tickets.rules import MOVES, Act, NotStaff, TicketFilters, TicketNotMovable, TicketState, after
from wutong.identity import service as identity
from wutong.identity.rules import TenantState
from wutong.kit.errors import Forbidden, Invalid, NotFound
from wutong.kit.paging import PageRequest


def opened(session, who, subject="It does not start", text="See job 7."):
    return service.open_ticket(session, who, subject=subject, text=text)


def titles(session, who):
    return [(notice.facts["what"], notice.facts["subject"]) for notice in notices.list_notices(session, who).items]


def test_a_thread_between_an_organisation_and_a_named_engineer(session, cast):
    ticket = opened(session, cast.owner)
    assert (ticket.state, ticket.assignee_id) == (TicketState.OPEN, None)
    asked = service.answer(session, cast.operator, ticket.id, "Which image?", ask=True)
    assert (asked.state, asked.assignee_id) == (TicketState.WAITING, cast.operator.person_id)
    assert service.reply(session, cast.colleague, ticket.id, "torch").state is TicketState.OPEN
    assert service.answer(session, cast.finance, ticket.id, "Try again.").state is TicketState.ANSWERED
    assert service.close(session, cast.owner, ticket.id).state is TicketState.CLOSED
    assert service.reply(session, cast.owner, ticket.id, "No.").state is TicketState.REOPENED
    said = service.list_messages(session, cast.owner, ticket.id).items
    assert [(each.name, each.staff, each.text) for each in said] == [
        ("owner", False, "See job 7."),
        ("Engineer Wang", True, "Which image?"),
        ("colleague", False, "torch"),
        ("Finance", True, "Try again."),
        ("owner", False, "No."),
    ]
    trail = [entry.action for entry in identity.list_audit(session, cast.owner, PageRequest()).items if entry.kind == "ticket"]
    assert trail == ["ticket.reply", "ticket.close", "ticket.answer", "ticket.reply", "ticket.answer", "ticket.open"]


def test_other_organisations_and_people_of_the_centre_who_do_not_help(session, cast):
    ticket = opened(session, cast.owner)
    for attempt in (
        lambda: service.get_ticket(session, cast.stranger, ticket.id),
        lambda: service.list_messages(session, cast.stranger, ticket.id),
        lambda: service.reply(session, cast.stranger, ticket.id, "x"),
        lambda: service.close(session, cast.stranger, ticket.id),
        lambda: service.reopen(session, cast.stranger, ticket.id),
        lambda: service.mark_seen(session, cast.stranger, ticket.id),
        lambda: service.get_ticket(session, cast.operator, "tick_none", staff=True),
    ):
        with pytest.raises(NotFound):
            attempt()
    for attempt in (
        lambda: service.list_all_tickets(session, cast.owner),
        lambda: service.get_ticket(session, cast.owner, ticket.id, staff=True),
        lambda: service.answer(session, cast.owner, ticket.id, "x"),
        lambda: service.assign(session, cast.owner, ticket.id, cast.owner.person_id),
        lambda: service.close(session, cast.owner, ticket.id, staff=True),
        lambda: service.list_tickets(session, cast.operator),
        lambda: service.get_ticket(session, cast.operator, ticket.id),
        lambda: opened(session, cast.operator),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert service.list_tickets(session, cast.stranger).items == []
    assert service.get_ticket(session, cast.colleague, ticket.id) == ticket
    assert [each.id for each in service.list_all_tickets(session, cast.finance).items] == [ticket.id]


def test_a_suspended_organisation_can_still_ask_for_help(session, cast):
    identity.set_tenant_state(session, cast.operator, cast.owner.tenant_id, TenantState.SUSPENDED, "unpaid")
    assert opened(session, cast.house.enter(cast.owner.person_id)).state is TicketState.OPEN


def test_who_is_told_of_what(session, cast):
    ticket = opened(session, cast.owner, "A")
    assert titles(session, cast.operator) == titles(session, cast.finance) == [("opened", "A")]
    service.answer(session, cast.operator, ticket.id, "Hello")
    assert titles(session, cast.owner) == [("answered", "A")]
    assert titles(session, cast.colleague) == []
    service.reply(session, cast.colleague, ticket.id, "Thanks")
    assert titles(session, cast.operator) == [("replied", "A"), ("opened", "A")]
    assert titles(session, cast.finance) == [("opened", "A")]
    service.assign(session, cast.operator, ticket.id, cast.finance.person_id)
    assert titles(session, cast.finance)[0] == ("assigned", "A")
    service.close(session, cast.finance, ticket.id, staff=True)
    assert titles(session, cast.owner)[0] == titles(session, cast.colleague)[0] == ("closed", "A")


def test_only_people_who_help_look_after_tickets(session, cast):
    ticket = opened(session, cast.owner)
    with pytest.raises(NotStaff, match="centre"):
        service.assign(session, cast.operator, ticket.id, cast.owner.person_id)
    assert service.assign(session, cast.operator, ticket.id, cast.finance.person_id).assignee_id == cast.finance.person_id
    assert service.assign(session, cast.operator, ticket.id, None).assignee_id is None


def test_what_is_new_to_whom(session, cast):
    ticket = opened(session, cast.owner)
    everything = service.list_tickets(session, cast.owner).items
    assert service.unseen(session, cast.owner, everything) == set()
    assert service.unseen(session, cast.colleague, everything) == {ticket.id}
    assert (service.count_unseen(session, cast.owner), service.count_unseen(session, cast.colleague)) == (0, 0)
    service.answer(session, cast.operator, ticket.id, "Hello")
    assert service.count_unseen(session, cast.owner) == 1
    assert service.count_unseen(session, cast.operator, staff=True) == 0
    service.mark_seen(session, cast.owner, ticket.id)
    assert service.count_unseen(session, cast.owner) == 0
    service.reply(session, cast.colleague, ticket.id, "More")
    assert (service.count_unseen(session, cast.owner), service.count_unseen(session, cast.operator, staff=True)) == (1, 1)


def test_lists_are_searched_and_paged_by_the_latest_message(session, cast):
    first, second, third = (opened(session, cast.owner, name, f"about {name}") for name in ("quota", "network", "100% GPU"))
    service.reply(session, cast.owner, first.id, "anything new?")
    page = service.list_tickets(session, cast.owner, page=PageRequest(limit=2))
    rest = service.list_tickets(session, cast.owner, page=PageRequest(limit=2, after=page.next))
    assert [each.id for each in page.items + rest.items] == [first.id, third.id, second.id]
    assert rest.next is None

    def found(**filters):
        return [each.subject for each in service.list_tickets(session, cast.owner, TicketFilters(**filters)).items]

    assert found(text="anything NEW") == ["quota"]
    assert found(text="100%") == ["100% GPU"]
    assert found(text=second.id) == ["network"]
    assert found(text="nothing at all") == []
    assert found(states=frozenset({TicketState.CLOSED})) == []
    service.assign(session, cast.operator, second.id, cast.operator.person_id)
    everywhere = service.list_all_tickets(session, cast.operator, TicketFilters(unassigned=True, tenant_id=cast.owner.tenant_id)).items
    assert [each.id for each in everywhere] == [first.id, third.id]
    assert [each.id for each in service.list_all_tickets(session, cast.operator, TicketFilters(mine=True)).items] == [second.id]
    with pytest.raises(Invalid):
        service.list_tickets(session, cast.owner, page=PageRequest(after="tick_1"))


@pytest.mark.parametrize(("subject", "text"), [("", "x"), ("x", " \n "), ("x", "y" * 20_001), ("x" * 201, "y"), ("x", "\x00")])
def test_what_says_nothing_or_too_much(session, cast, subject, text):
    with pytest.raises(Invalid):
        opened(session, cast.owner, subject, text)


def test_a_ticket_may_be_about_a_job_of_ones_own_only(session, cast):
    with pytest.raises(NotFound):
        service.open_ticket(session, cast.owner, subject="x", text="y", job_id="job_06h000000000000000aa")


def test_every_state_can_be_left_and_closed_only_by_opening_it_again():
    assert set(MOVES) == set(TicketState)
    reached = {to for moves in MOVES.values() for to in moves.values()}
    assert reached == set(TicketState)
    assert set(MOVES[TicketState.CLOSED].values()) == {TicketState.REOPENED}


class Thread(RuleBasedStateMachine):
    """A ticket and two sides that do anything at all, held against the table and the messages that must be there."""

    database = None

    @initialize()
    def begin(self):
        empty(self.database)
        with self.database.session() as session:
            self.cast = make_cast(session)
            self.id = opened(session, self.cast.owner).id
        self.state, self.texts = TicketState.OPEN, 1

    def act(self, act, work):
        expected = MOVES[self.state].get(act)
        with self.database.session() as session:
            if expected is None:
                with pytest.raises(TicketNotMovable):
                    work(session)
                return
            assert work(session).state is expected
        self.state = expected
        self.texts += act in {Act.REPLY, Act.ANSWER, Act.ASK}

    @rule(colleague=st.booleans())
    def reply(self, colleague):
        who = self.cast.colleague if colleague else self.cast.owner
        self.act(Act.REPLY, lambda session: service.reply(session, who, self.id, "text"))

    @rule(ask=st.booleans())
    def answer(self, ask):
        self.act(Act.ASK if ask else Act.ANSWER, lambda session: service.answer(session, self.cast.operator, self.id, "text", ask=ask))

    @rule(staff=st.booleans())
    def close(self, staff):
        who = self.cast.operator if staff else self.cast.owner
        self.act(Act.CLOSE, lambda session: service.close(session, who, self.id, staff=staff))

    @rule(staff=st.booleans())
    def reopen(self, staff):
        who = self.cast.operator if staff else self.cast.owner
        self.act(Act.REOPEN, lambda session: service.reopen(session, who, self.id, staff=staff))

    @invariant()
    def it_stands_where_the_table_says(self):
        with self.database.session() as session:
            ticket = service.get_ticket(session, self.cast.owner, self.id)
            said = service.list_messages(session, self.cast.owner, self.id, PageRequest(limit=500)).items
        assert ticket.state is self.state
        assert (ticket.closed_at is not None) == (self.state is TicketState.CLOSED)
        assert len(said) == self.texts
        assert ticket.last_message == said[-1].id


def test_whatever_both_sides_do_the_ticket_follows_the_table(database):
    Thread.database = database
    quiet = settings(max_examples=6, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Thread, settings=quiet)


def test_the_table_is_what_decides(session, cast):
    ticket = service.close(session, cast.owner, opened(session, cast.owner).id)
    with pytest.raises(TicketNotMovable, match="Reopen it first"):
        after(ticket, Act.ANSWER)
