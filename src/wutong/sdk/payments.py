"""Payments with four eyes on the wire: one of the centre's finance enters a payment, another approves it; and the calls for them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import Field

from wutong.sdk.money import TopUpRequest
from wutong.sdk.wire import Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

ProposalStateName = Literal["proposed", "approved", "rejected", "withdrawn"]
_PATH = "/api/v1/admin/payments/proposals"


class Proposal(Received):
    """A payment that somebody of finance entered. It counts when it is approved; `payment_id` names the payment then."""

    id: str
    tenant_id: str
    kind: str
    amount_fen: int
    reference: str
    memo: str
    state: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str
    payment_id: str | None


class ProposalRequest(TopUpRequest):
    """A payment for another person to approve: a top-up, or a refund."""

    kind: Literal["top_up", "refund"] = "top_up"


class ProposalRejection(Sent):
    """Why a payment does not count."""

    reason: str = Field(min_length=1, max_length=200)


def propose_payment(client: "Client", request: ProposalRequest) -> Proposal:
    """Enter a payment for another to approve. The bank's reference is taken until it is decided."""
    return client.post(_PATH, request, Proposal)


def list_proposals(client: "Client", *, state: ProposalStateName | None = None, most: int | None = None) -> Iterator[Proposal]:
    """Go through entered payments, newest first."""
    return client.pages(_PATH, Proposal, most=most, state=state)


def approve_payment(client: "Client", proposal_id: str) -> Proposal:
    """Let a payment that another entered count."""
    return client.post(f"{_PATH}/{quote(proposal_id, safe='')}/approve", None, Proposal)


def reject_payment(client: "Client", proposal_id: str, reason: str) -> Proposal:
    """Refuse a payment that another entered, and say why; its bank reference is free again."""
    return client.post(f"{_PATH}/{quote(proposal_id, safe='')}/reject", ProposalRejection(reason=reason), Proposal)


def withdraw_payment(client: "Client", proposal_id: str) -> Proposal:
    """Take back a payment that one entered oneself."""
    return client.post(f"{_PATH}/{quote(proposal_id, safe='')}/withdraw", None, Proposal)
