"""Top-ups and refunds with four eyes: one of the centre's finance enters what the bank tells, another approves it."""

from typing import Annotated

from fastapi import Query, Request

from wutong.api.auth import Router, Tx, needs
from wutong.compute.orders import service as orders
from wutong.compute.orders.proposal_rules import Proposal, ProposalState
from wutong.compute.orders.rules import PaymentKind
from wutong.doorway.paging import Paging
from wutong.identity.rules import Permission, Principal
from wutong.kit.paging import Page
from wutong.sdk import payments as wire
from wutong.sdk.wire import Listed

router = Router(tag="centre", prefix="/admin/payments/proposals")

Finance = Annotated[Principal, needs(Permission.CENTRE_FINANCE)]
Books = Annotated[Principal, needs(Permission.CENTRE_BOOKS)]
TenantId = Annotated[str | None, Query(max_length=100, description="Only this organisation's.")]
Search = Annotated[str, Query(max_length=200, description="Part of a reference, or a whole id.")]


@router.post("", status_code=201, response_model=wire.Proposal)
def propose_payment(tx: Tx, who: Finance, request: Request, body: wire.ProposalRequest) -> Proposal:
    """Enter a payment for another person to approve. Up to the centre's limit for one person it counts at once."""
    alone_fen = request.app.state.context.settings.one_person_yuan * 100
    return orders.propose_payment(tx, who, PaymentKind(body.kind), **body.model_dump(exclude={"kind"}), alone_fen=alone_fen)


@router.get("", response_model=Listed[wire.Proposal])
def list_proposals(
    tx: Tx, who: Books, page: Paging, state: ProposalState | None = None, tenant_id: TenantId = None, text: Search = ""
) -> Page[Proposal]:
    """List payments that were entered, newest first."""
    return orders.list_proposals(tx, who, page, state=state, tenant_id=tenant_id, text=text)


@router.post("/{proposal_id}/approve", response_model=wire.Proposal)
def approve_payment(tx: Tx, who: Finance, proposal_id: str) -> Proposal:
    """Let a payment count that another entered: it is recorded, and the balance moves."""
    return orders.approve_payment(tx, who, proposal_id)


@router.post("/{proposal_id}/reject", response_model=wire.Proposal)
def reject_payment(tx: Tx, who: Finance, proposal_id: str, body: wire.ProposalRejection) -> Proposal:
    """Refuse a payment that another entered, and say why; its bank reference is free again."""
    return orders.reject_payment(tx, who, proposal_id, reason=body.reason)


@router.post("/{proposal_id}/withdraw", response_model=wire.Proposal)
def withdraw_payment(tx: Tx, who: Finance, proposal_id: str) -> Proposal:
    """Take back a payment that one entered oneself and nobody decided on."""
    return orders.withdraw_payment(tx, who, proposal_id)
