"""Tells what on a cluster is ours, and puts things in the order in which they lean on each other. Pure.

Ours is known by its mark: an account by its organisation, a QOS by its description, an association by lying in an account of ours with a user
of ours. What others put into our tree stays theirs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from wutong.centre.engines.slurm.tenants.desired import mark
from wutong.centre.engines.slurm.tenants.rules import ROOT, Noun, State, Thing

_NATIVE = {(Noun.ACCOUNT, (ROOT,)), (Noun.ASSOCIATION, (ROOT, ROOT)), (Noun.QOS, ("normal",))}


@dataclass(frozen=True, slots=True)
class Ownership:
    """Knows ours from theirs on a cluster as it was seen."""

    seen: State
    centre: str
    is_our_user: Callable[[str], bool]

    def is_ours(self, thing: Thing) -> bool:
        """Tell whether we made this."""
        if thing.noun is Noun.QOS:
            return thing.settings.get("description", "").startswith(mark(self.centre)) and thing.key[0].startswith(f"{self.centre}-")
        if thing.noun is Noun.ACCOUNT:
            return thing.settings.get("organization") == self.centre
        return len(thing.key) == 2 and self._is_our_account(thing.key[1]) and self.is_our_user(thing.key[0])

    def is_taken(self, wanted: Thing) -> bool:
        """Tell whether something of somebody else has the name."""
        there = self.seen.things.get((wanted.noun, wanted.key))
        return there is not None and wanted.noun is not Noun.ASSOCIATION and not self.is_ours(there)

    def foreign(self) -> list[Thing]:
        """List what others made, apart from what Slurm itself comes with."""
        return [thing for key, thing in self.seen.things.items() if key not in _NATIVE and not self.is_ours(thing)]

    def _is_our_account(self, name: str) -> bool:
        account = self.seen.find(Noun.ACCOUNT, name)
        return account is not None and self.is_ours(account)


def top_down(accounts: Iterable[Thing]) -> list[Thing]:
    """Sort accounts so that each comes after the one above it."""
    return _sorted(accounts, "parent")


def yielding_first(qos: Iterable[Thing]) -> list[Thing]:
    """Sort QOS so that each comes after those it may preempt, which Slurm wants to know first."""
    return _sorted(qos, "preempt")


def _sorted(things: Iterable[Thing], word: str) -> list[Thing]:
    by_name = {thing.key[0]: thing for thing in things}
    order = TopologicalSorter({name: thing.settings.get(word, "").split(",") for name, thing in by_name.items()})
    try:
        return [by_name[name] for name in order.static_order() if name in by_name]
    except CycleError:  # only by another's hand; Slurm will say what it thinks of it
        return list(by_name.values())
