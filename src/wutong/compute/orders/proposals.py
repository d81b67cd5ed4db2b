"""Top-ups and refunds with four eyes: one of the centre's finance enters a payment, another approves it, and only then it counts."""

from sqlalchemy.orm import Session

from wutong.compute.orders import payments, proposal_store
from wutong.compute.orders.proposal_rules import Proposal, ProposalStands, ProposalState, check_move
from wutong.compute.orders.rules import PaymentKind, ReferenceUsed
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.ids import new_id
from wutong.kit.paging import Page, PageRequest, cut


def propose_payment(
    session: Session, who: Principal, kind: PaymentKind, *, tenant_id: str, amount_fen: int, reference: str, memo: str = "", alone_fen: int = 0
) -> Proposal:
    """Enter a payment for another person to approve. Up to `alone_fen` its author suffices, and it is approved at once.

    Raises `ReferenceUsed` for a bank reference that counts already, or waits on another proposal.
    """
    require(who, Permission.CENTRE_FINANCE)
    identity.get_tenant(session, tenant_id)
    reference = payments.check_payment(kind, amount_fen, reference)
    made = Proposal(
        id=new_id("prop"),
        tenant_id=tenant_id,
        kind=kind,
        amount_fen=amount_fen,
        reference=reference,
        memo=memo.strip()[:200],
        alone_fen=max(alone_fen, 0),
        state=ProposalState.PROPOSED,
        proposed_by=who.person_id,
        proposed_at=clock.now(),
    )
    if proposal_store.is_recorded(session, reference) or not proposal_store.add(session, made):
        raise ReferenceUsed(reference=reference)
    after = {"kind": kind.value, "amount_fen": amount_fen, "reference": reference, "memo": made.memo}
    identity.audit(session, who, "payment.propose", kind="payment_proposal", id=made.id, tenant_id=tenant_id, after=after)
    return approve_payment(session, who, made.id) if amount_fen <= made.alone_fen else made


def approve_payment(session: Session, who: Principal, proposal_id: str) -> Proposal:
    """Let a proposed payment count: it is recorded, and the organisation's balance moves. Raises `SecondPerson` for its own author."""
    proposal = _open(session, who, proposal_id, ProposalState.APPROVED)
    record = payments.record_top_up if proposal.kind is PaymentKind.TOP_UP else payments.record_refund
    amount, reference = proposal.amount_fen, proposal.reference
    payment = record(session, who, tenant_id=proposal.tenant_id, amount_fen=amount, reference=reference, memo=proposal.memo)
    return _decide(session, who, proposal, ProposalState.APPROVED, payment_id=payment.id)


def reject_payment(session: Session, who: Principal, proposal_id: str, *, reason: str) -> Proposal:
    """Refuse a proposed payment, with the reason; its bank reference is free again."""
    proposal = _open(session, who, proposal_id, ProposalState.REJECTED)
    if not reason.strip():
        raise Invalid(field="reason", reason="Say why, so that whoever entered it can put it right.")
    return _decide(session, who, proposal, ProposalState.REJECTED, note=reason.strip()[:200])


def withdraw_payment(session: Session, who: Principal, proposal_id: str) -> Proposal:
    """Take back a payment that one entered oneself and nobody decided on."""
    return _decide(session, who, _open(session, who, proposal_id, ProposalState.WITHDRAWN), ProposalState.WITHDRAWN)


def list_proposals(
    session: Session,
    who: Principal,
    page: PageRequest | None = None,
    *,
    state: ProposalState | None = None,
    tenant_id: str | None = None,
    text: str = "",
) -> Page[Proposal]:
    """Return proposed payments, the newest first, for those who read the centre's books."""
    require(who, Permission.CENTRE_BOOKS)
    page = page or PageRequest()
    return cut(proposal_store.latest(session, page, state=state, tenant_id=tenant_id, text=text.strip()), page)


def count_open_proposals(session: Session, who: Principal) -> int:
    """Count the payments that wait for a second person."""
    require(who, Permission.CENTRE_BOOKS)
    return proposal_store.count_open(session)


def _open(session: Session, who: Principal, proposal_id: str, to: ProposalState) -> Proposal:
    require(who, Permission.CENTRE_FINANCE)
    proposal = proposal_store.find(session, proposal_id, lock=True)
    if proposal is None:
        raise NotFound(kind="proposed payment", id=proposal_id)
    check_move(proposal, to, who.person_id)
    return proposal


def _decide(session: Session, who: Principal, proposal: Proposal, to: ProposalState, *, note: str = "", payment_id: str | None = None) -> Proposal:
    """Move a proposal: the one place that does, with its audit row."""
    values = {"state": to.value, "decided_by": who.person_id, "decided_at": clock.now(), "note": note, "payment_id": payment_id}
    if not proposal_store.decide(session, proposal, **values):
        raise ProposalStands(state="decided", wanted=to.value)
    after = {"state": to.value, **({"reason": note} if note else {}), **({"payment": payment_id} if payment_id else {})}
    before = {"state": proposal.state.value}
    identity.audit(
        session, who, f"payment.{_VERBS[to]}", kind="payment_proposal", id=proposal.id, tenant_id=proposal.tenant_id, before=before, after=after
    )
    found = proposal_store.find(session, proposal.id)
    assert found is not None  # noqa: S101 - it was locked above
    return found


_VERBS = {ProposalState.APPROVED: "approve", ProposalState.REJECTED: "reject", ProposalState.WITHDRAWN: "withdraw"}
