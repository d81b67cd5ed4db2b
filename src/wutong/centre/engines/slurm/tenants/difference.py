"""The difference between what is wished and what is seen, as changes in an order that works. Pure."""

from collections.abc import Callable, Iterator, Mapping

from wutong.centre.engines.slurm.tenants import names
from wutong.centre.engines.slurm.tenants.ownership import Ownership, top_down, yielding_first
from wutong.centre.engines.slurm.tenants.removal import removals
from wutong.centre.engines.slurm.tenants.rules import Aside, Busy, Change, Noun, Plan, Setting, State, Thing, Verb

_ALWAYS_SET = {"fairshare"}  # never unset in Slurm; where nothing is wished it is the site's to say
_TAKEN = "the name is taken by somebody else; rename theirs, or give this centre another name."
_CLASS_TAKEN = "the name of one of its service classes is taken by somebody else."


def difference(
    desired: State, seen: State, *, centre: str, is_our_user: Callable[[str], bool], busy: Busy | None, held: Mapping[str, str] | None = None
) -> Plan:
    """Return what to change so that the cluster is as desired. `busy` None means nobody could look at the queue: then nothing is removed.

    `held` maps accounts that are to stay as they are, with what is below them, to why.
    """
    owned = Ownership(seen, centre, is_our_user)
    conflicts = {(aside.noun, aside.key): aside for aside in _conflicts(desired, owned)}
    wanted = [thing for key, thing in desired.things.items() if key not in conflicts]
    new = [thing for thing in wanted if not _is_there(thing, seen)]
    additions = [
        *yielding_first(thing for thing in new if thing.noun is Noun.QOS),
        *top_down(thing for thing in new if thing.noun is Noun.ACCOUNT),
        *(thing for thing in new if thing.noun is Noun.ASSOCIATION),
    ]
    corrections = (_correction(thing, seen.things[thing.noun, thing.key]) for thing in wanted if _is_there(thing, seen))
    gone = removals(desired, owned, busy, held or {})
    changes = [*map(_addition, additions), *(change for change in corrections if change), *gone.changes]
    waiting = (*gone.deferred, *(Aside(Noun.ACCOUNT, (account,), why) for account, why in (held or {}).items()))
    return Plan(seen.cluster, tuple(changes), waiting, tuple(conflicts.values()), tuple(owned.foreign()))


def _conflicts(desired: State, owned: Ownership) -> Iterator[Aside]:
    """Names that others hold, and all that would stand on them."""
    classes = {thing.key[0] for thing in desired.of(Noun.QOS) if owned.is_taken(thing)}
    yield from (Aside(Noun.QOS, (name,), _TAKEN) for name in sorted(classes))
    shut: dict[str, str] = {}
    for thing in top_down(desired.of(Noun.ACCOUNT)):
        if owned.is_taken(thing):
            shut[thing.key[0]] = _TAKEN
        elif classes & {*thing.settings.get("qos", "").split(",")}:
            shut[thing.key[0]] = _CLASS_TAKEN
        elif thing.settings["parent"] in shut:
            shut[thing.key[0]] = "the account above it cannot be made."
    yield from (Aside(Noun.ACCOUNT, (name,), why) for name, why in shut.items())
    held_up = (thing.key for thing in desired.of(Noun.ASSOCIATION) if thing.key[1] in shut)
    yield from (Aside(Noun.ASSOCIATION, key, "its account cannot be made.") for key in held_up)


def _is_there(wanted: Thing, seen: State) -> bool:
    """An account may be known to the accounting, but not have a place in this cluster."""
    there = seen.things.get((wanted.noun, wanted.key))
    return there is not None and (wanted.noun is not Noun.ACCOUNT or "parent" in there.settings)


def _addition(thing: Thing) -> Change:
    return Change(Verb.ADD, thing.noun, thing.key, tuple(Setting(word, value) for word, value in thing.settings.items()))


def _correction(wanted: Thing, there: Thing) -> Change | None:
    settings = tuple(_unlike(wanted, there))
    return Change(Verb.SET, wanted.noun, wanted.key, settings) if settings else None


def _unlike(wanted: Thing, there: Thing) -> Iterator[Setting]:
    for word in sorted({*wanted.settings, *there.settings}):
        value, before = wanted.settings.get(word), there.settings.get(word)
        if not _same(word, value, before):
            yield Setting(word, value, before)


def _same(word: str, wanted: str | None, there: str | None) -> bool:
    if word in _ALWAYS_SET and wanted is None:
        return True
    if word == "description" and wanted and there:
        return names.same_label(there, wanted)
    return wanted == there
