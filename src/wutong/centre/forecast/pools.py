"""A machine's cards while a log is replayed: counted, or packed on nodes. A promise says when a job that does not fit will, and what else may go."""

from collections.abc import Iterable
from itertools import groupby
from math import inf
from typing import Any, Protocol

from wutong.centre.forecast.rules import Machine

Grant = Any
"""What a job holds: a number of cards, or cards by node. Only the pool that gave it reads it."""
Held = tuple[float, int, Grant]
"""End by the limit, a number that orders ties, and the grant. All that end at the same moment count for what is free then."""


class Pool(Protocol):
    """Cards to take and give back."""

    def take(self, cards: int) -> Grant | None:
        """Take cards now, if they are free."""

    def give(self, grant: Grant) -> None:
        """Give them back."""

    def promise(self, cards: int, held: Iterable[Held]) -> float:
        """Reserve cards for a job that does not fit, as early as limits allow, and return that time. There is one promise at a time."""

    def take_beside(self, cards: int) -> Grant | None:
        """Take cards now that the promised job will not need."""


class CountedPool:
    """Any cards will do."""

    def __init__(self, cards: int) -> None:
        self.free = cards
        self._extra = 0

    def take(self, cards: int) -> int | None:
        """Take cards now, if so many are free."""
        if cards > self.free:
            return None
        self.free -= cards
        return cards

    def give(self, grant: Grant) -> None:
        """Give them back."""
        self.free += grant

    def promise(self, cards: int, held: Iterable[Held]) -> float:
        """Reserve cards as early as limits allow."""
        free = self.free
        for end, grants in groupby(held, key=_end):
            free += sum(grant for _, _, grant in grants)
            if free >= cards:
                self._extra = free - cards
                return end
        self._extra = free
        return inf

    def take_beside(self, cards: int) -> int | None:
        """Take cards that will be left over when the promised job starts."""
        if cards > self._extra or cards > self.free:
            return None
        self._extra -= cards
        self.free -= cards
        return cards


class NodePool:
    """Cards on nodes: small jobs on the fullest node that has room, large ones on empty nodes and what is left over on one more."""

    def __init__(self, machine: Machine) -> None:
        self._per_node = machine.cards_per_node
        self._free = [self._per_node] * (machine.cards // self._per_node)
        self._beside: list[int] = []
        """Cards of each node that the promised job leaves."""

    def take(self, cards: int) -> dict[int, int] | None:
        """Take cards on nodes that have them."""
        grant = self._place(cards, self._free)
        if grant is not None:
            self._book(self._free, grant)
        return grant

    def give(self, grant: Grant) -> None:
        """Give them back."""
        for node, cards in grant.items():
            self._free[node] += cards

    def promise(self, cards: int, held: Iterable[Held]) -> float:
        """Reserve cards as early as limits allow."""
        later = list(self._free)
        for end, grants in groupby(held, key=_end):
            for _, _, grant in grants:
                for node, given in grant.items():
                    later[node] += given
            place = self._place(cards, later)
            if place is not None:
                self._book(later, place)
                self._beside = later
                return end
        self._beside = later
        return inf

    def take_beside(self, cards: int) -> dict[int, int] | None:
        """Take cards, on each node only what the promised job leaves there."""
        grant = self._place(cards, [min(pair) for pair in zip(self._free, self._beside, strict=True)])
        if grant is not None:
            self._book(self._free, grant)
            self._book(self._beside, grant)
        return grant

    def _place(self, cards: int, free: list[int]) -> dict[int, int] | None:
        whole, rest = divmod(cards, self._per_node)
        grant: dict[int, int] = {}
        if whole:
            empty = [node for node, left in enumerate(free) if left == self._per_node]
            if len(empty) < whole:
                return None
            grant = dict.fromkeys(empty[:whole], self._per_node)
        if rest:
            room = [(left, node) for node, left in enumerate(free) if left >= rest and node not in grant]
            if not room:
                return None
            grant[min(room)[1]] = rest
        return grant

    @staticmethod
    def _book(free: list[int], grant: dict[int, int]) -> None:
        for node, cards in grant.items():
            free[node] -= cards


def pool_of(machine: Machine) -> Pool:
    """Make a machine's empty pool."""
    return NodePool(machine) if machine.cards_per_node else CountedPool(machine.cards)


def can_ever_hold(machine: Machine, cards: int) -> bool:
    """Whether a job fits on the empty machine."""
    return 0 < cards <= machine.cards and pool_of(machine).take(cards) is not None


def _end(held: Held) -> float:
    return held[0]
