"""Top-ups and refunds: one of finance enters what the bank tells, another approves it."""

from typing import Annotated, Any

from fastapi import Response

from wutong.compute.orders import service as orders
from wutong.compute.orders.proposal_rules import Proposal, ProposalState
from wutong.compute.orders.rules import PaymentKind
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.errors import Invalid, Problem
from wutong.kit.money import parse_yuan
from wutong.kit.paging import PageRequest
from wutong.web.console.reading import Asked, Line, Word
from wutong.web.view import Pages, View

pages = Pages()

Books = Annotated[View, needs(Permission.CENTRE_BOOKS)]
Finance = Annotated[View, needs(Permission.CENTRE_FINANCE)]
PAGE = "console/payments.html"


@pages.get("/console/payments")
def payments_page(tx: Tx, view: Books, page: Paging, state: Asked = "", search: Asked = "", tenant: Asked = "") -> Response:
    """List payments that were entered, newest first, with the form to enter one."""
    return view.page(PAGE, **_payments(tx, view, page, state, search, tenant), form={"tenant_id": tenant})


@pages.get("/console/payments/recorded")
def recorded_page(tx: Tx, view: Books, page: Paging) -> Response:
    """List what counts: payments that were approved, and those a bank's program recorded."""
    found = orders.list_all_payments(tx, view.who, page)
    tenants = identity.tenant_names(tx, {payment.tenant_id for payment in found.items})
    people = identity.person_names(tx, {payment.recorded_by for payment in found.items})
    return view.page("console/payments_recorded.html", page=found, tenants=tenants, people=people)


@pages.post("/console/payments")
def propose(tx: Tx, view: Finance, tenant_id: Word = "", kind: Word = "", amount: Word = "", reference: Word = "", memo: Line = "") -> Response:
    """Enter a payment for another to approve."""

    def work() -> Proposal:
        if kind not in set(PaymentKind):
            raise Invalid(field="kind", reason="Choose top-up or refund.")
        alone = view.context.settings.one_person_yuan * 100
        given = {"tenant_id": tenant_id.strip(), "amount_fen": parse_yuan(amount), "reference": reference, "memo": memo}
        return orders.propose_payment(tx, view.who, PaymentKind(kind), **given, alone_fen=alone)  # type: ignore[arg-type]

    done = view.attempt(work)
    if isinstance(done, Problem):
        form = {"tenant_id": tenant_id, "kind": kind, "amount": amount, "reference": reference, "memo": memo}
        return view.page(PAGE, done.status, **_payments(tx, view, PageRequest(), "", "", ""), form=form, problem=done)
    if done.state is ProposalState.APPROVED:
        view.toast("The payment is in effect.")
    else:
        view.toast("The payment is entered. Another finance officer has to approve it.")
    return view.go("/console/payments")


@pages.post("/console/payments/{proposal_id}/approve")
def approve(tx: Tx, view: Finance, proposal_id: str) -> Response:
    """Let a payment count."""
    return _decided(tx, view, view.attempt(lambda: orders.approve_payment(tx, view.who, proposal_id)), view.say("The payment is in effect."))


@pages.post("/console/payments/{proposal_id}/reject")
def reject(tx: Tx, view: Finance, proposal_id: str, reason: Line = "") -> Response:
    """Refuse a payment."""
    done = view.attempt(lambda: orders.reject_payment(tx, view.who, proposal_id, reason=reason))
    return _decided(tx, view, done, view.say("The payment is rejected."))


@pages.post("/console/payments/{proposal_id}/withdraw")
def withdraw(tx: Tx, view: Finance, proposal_id: str) -> Response:
    """Take back what one entered oneself."""
    return _decided(tx, view, view.attempt(lambda: orders.withdraw_payment(tx, view.who, proposal_id)), view.say("The payment is withdrawn."))


def _decided(tx: Tx, view: View, done: Proposal | Problem, sentence: str) -> Response:
    if isinstance(done, Problem):
        return view.page(PAGE, done.status, **_payments(tx, view, PageRequest(), "", "", ""), form={}, problem=done)
    view.toast(sentence)
    return view.go("/console/payments")


def _payments(tx: Tx, view: View, page: PageRequest, state: str, search: str, tenant: str) -> dict[str, Any]:
    wanted = ProposalState(state) if state in set(ProposalState) else None
    found = orders.list_proposals(tx, view.who, page, state=wanted, tenant_id=tenant or None, text=search)
    people = {each.proposed_by for each in found.items} | {each.decided_by for each in found.items if each.decided_by}
    ids = {each.tenant_id for each in found.items} | ({tenant} if tenant else set())
    return {
        "page": found,
        "asked": {"state": wanted.value if wanted else "", "search": search, "tenant": tenant},
        "open": orders.count_open_proposals(tx, view.who),
        "states": list(ProposalState),
        "tenants": identity.tenant_names(tx, ids),
        "people": identity.person_names(tx, people),
        "alone_fen": view.context.settings.one_person_yuan * 100,
    }
