"""What a reading of all books found, and when the next is due. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Reading:
    """What stood in the books when they were read: the centre's own accounts, usage against charges, and what did not add up.

    `bank_fen` is what organisations paid in less refunds, `deferred_fen` what is not earned yet. `by` is a person, or `system`.
    """

    id: str
    at: datetime
    by: str
    bank_fen: int
    deferred_fen: int
    revenue_fen: int
    runs: int
    card_ms: int
    rated_ms: int
    accounts: int
    transfers: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything added up."""
        return not self.problems


def is_due(newest: Reading | None, now: datetime) -> bool:
    """Tell whether the books want to be read again."""
    return newest is None or now - newest.at >= EVERY
