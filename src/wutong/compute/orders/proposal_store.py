"""All SQL of proposed payments."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.compute.orders.proposal_rules import Proposal, ProposalState
from wutong.compute.orders.rules import PaymentKind
from wutong.compute.orders.tables import PaymentProposalRow, PaymentRow
from wutong.kit.paging import PageRequest


def add(session: Session, proposal: Proposal) -> bool:
    """Write a proposal down; False when its reference is on another that is open or was approved."""
    added = insert(PaymentProposalRow).values(asdict(proposal)).on_conflict_do_nothing()
    return session.scalar(added.returning(PaymentProposalRow.id)) is not None


def is_recorded(session: Session, reference: str) -> bool:
    """Tell whether a payment with this bank reference counts already."""
    return session.scalar(select(PaymentRow.id).where(PaymentRow.reference == reference)) is not None


def find(session: Session, proposal_id: str, *, lock: bool = False) -> Proposal | None:
    """Return a proposal, locked to the end of the transaction when asked."""
    query = select(PaymentProposalRow).where(PaymentProposalRow.id == proposal_id).execution_options(populate_existing=True)
    row = session.scalar(query.with_for_update() if lock else query)
    return _proposal(row) if row else None


def decide(session: Session, proposal: Proposal, **values: Any) -> bool:
    """Write a decision on a proposal that is still open; False when somebody else decided."""
    change = update(PaymentProposalRow).where(PaymentProposalRow.id == proposal.id, PaymentProposalRow.state == proposal.state.value)
    done = change.values(**values).returning(PaymentProposalRow.id).execution_options(synchronize_session=False)
    return session.scalar(done) is not None


def latest(session: Session, page: PageRequest, *, state: ProposalState | None, tenant_id: str | None, text: str) -> list[Proposal]:
    """Return `limit` + 1 proposals, the newest first; `text` fits part of a reference or memo."""
    query = select(PaymentProposalRow).order_by(PaymentProposalRow.id.desc()).limit(page.limit + 1)
    if state is not None:
        query = query.where(PaymentProposalRow.state == state.value)
    if tenant_id is not None:
        query = query.where(PaymentProposalRow.tenant_id == tenant_id)
    if text:
        fits = (column.icontains(text, autoescape=True) for column in (PaymentProposalRow.reference, PaymentProposalRow.memo))
        query = query.where(or_(*fits))
    if page.after is not None:
        query = query.where(PaymentProposalRow.id < page.after)
    return [_proposal(row) for row in session.scalars(query.execution_options(populate_existing=True))]


def count_open(session: Session) -> int:
    """Count what waits for a decision."""
    return session.scalar(select(func.count()).where(PaymentProposalRow.state == ProposalState.PROPOSED.value)) or 0


def _proposal(row: PaymentProposalRow) -> Proposal:
    values = {name: getattr(row, name) for name in Proposal.__dataclass_fields__}
    return Proposal(**{**values, "kind": PaymentKind(row.kind), "state": ProposalState(row.state)})
