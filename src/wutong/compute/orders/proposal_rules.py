"""A payment before it counts: one person enters it, another approves it. Its states, its moves, and who may make which. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wutong.compute.orders.rules import PaymentKind
from wutong.kit.errors import Conflict, Forbidden


class ProposalState(StrEnum):
    """Where a proposed payment stands. Only an approved one moved money."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


PROPOSAL_MOVES: dict[ProposalState, frozenset[ProposalState]] = {
    ProposalState.PROPOSED: frozenset({ProposalState.APPROVED, ProposalState.REJECTED, ProposalState.WITHDRAWN}),
    ProposalState.APPROVED: frozenset(),
    ProposalState.REJECTED: frozenset(),
    ProposalState.WITHDRAWN: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A payment that somebody of finance entered. `alone_fen` is the amount up to which one person sufficed when it was entered."""

    id: str
    tenant_id: str
    kind: PaymentKind
    amount_fen: int
    reference: str
    memo: str
    alone_fen: int
    state: ProposalState
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    note: str = ""
    payment_id: str | None = None


class ProposalStands(Conflict):
    """The proposal's state does not allow the move."""

    code = "proposal_stands"
    message = "This payment is {state} already, so it cannot become {wanted}. Enter it anew if it is needed."


class SecondPerson(Forbidden):
    """The one who entered a payment wants to decide on it."""

    code = "second_person"
    message = "You entered this payment yourself. Another person of finance has to approve or reject it; you can withdraw it."


class OnlyProposer(Forbidden):
    """Somebody wants to withdraw what another entered."""

    code = "only_proposer"
    message = "Only the person who entered a payment withdraws it. You can reject it."


def check_move(proposal: Proposal, to: ProposalState, person_id: str) -> None:
    """Raise `ProposalStands`, `SecondPerson` or `OnlyProposer` unless this person may make this move."""
    if to not in PROPOSAL_MOVES[proposal.state]:
        raise ProposalStands(state=proposal.state.value, wanted=to.value)
    own = proposal.proposed_by == person_id
    if to is ProposalState.WITHDRAWN and not own:
        raise OnlyProposer
    if to is ProposalState.REJECTED and own:
        raise SecondPerson
    if to is ProposalState.APPROVED and own and proposal.amount_fen > proposal.alone_fen:
        raise SecondPerson
