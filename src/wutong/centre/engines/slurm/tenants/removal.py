"""What of ours nobody wishes any more: when it may go, and why it must stay for now. Pure.

Slurm would take an account from under a held job without a word, because such a job is not in its database yet. So an account is first shut; a later
step that sees it shut and then finds no job in the queue may remove it, and no job can have come in between.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wutong.centre.engines.slurm.tenants.names import is_project_account
from wutong.centre.engines.slurm.tenants.ownership import Ownership, top_down
from wutong.centre.engines.slurm.tenants.rules import Aside, Busy, Change, Key, Noun, Setting, State, Thing, Verb

_NOT_ASKED = "nobody could say whether jobs use it."
_IN_USE = "its jobs have not ended."
_OPEN = "it is shut first."


@dataclass(frozen=True, slots=True)
class Removals:
    """Changes in order (shut, then associations, accounts from below, QOS), and what is put off."""

    changes: tuple[Change, ...]
    deferred: tuple[Aside, ...]


def removals(desired: State, owned: Ownership, busy: Busy | None, held: Mapping[str, str]) -> Removals:
    """Return what to take away; `busy` None means that nobody could look, and then nothing goes.

    `held` maps accounts of tenants that are wished for, but of whom too little is known to say more, to why; all of theirs stays as it is.
    """
    surplus = [thing for key, thing in owned.seen.things.items() if key not in desired.things and owned.is_ours(thing) and not _is_held(thing, held)]
    accounts = top_down(thing for thing in surplus if thing.noun is Noun.ACCOUNT and "parent" in thing.settings)
    stays = dict(_staying_accounts(accounts, owned, busy))
    follow = {thing.key[0] for thing in accounts}  # an association in one of these stays or goes with it
    for thing in surplus:
        if why := "" if thing.noun is Noun.ASSOCIATION and thing.key[1] in follow else _why_stays(thing, owned, busy):
            stays[thing.noun, thing.key] = why
    shut = [_shut(thing) for thing in accounts if (thing.noun, thing.key) in stays and thing.settings.get("grpsubmitjobs") != "0"]
    # A user's first account is its default, which Slurm lets go only as the last: projects before tenants.
    order = [
        *sorted((thing for thing in surplus if _is_loose(thing, stays)), key=lambda thing: not is_project_account(thing.key[1])),
        *reversed(accounts),
        *(thing for thing in surplus if thing.noun is Noun.QOS),
    ]
    gone = [Change(Verb.REMOVE, thing.noun, thing.key) for thing in order if (thing.noun, thing.key) not in stays]
    return Removals((*shut, *gone), tuple(Aside(noun, key, why) for (noun, key), why in stays.items()))


def _is_loose(thing: Thing, stays: Mapping[tuple[Noun, Key], str]) -> bool:
    return thing.noun is Noun.ASSOCIATION and (Noun.ACCOUNT, thing.key[1:]) not in stays


def _is_held(thing: Thing, held: Mapping[str, str]) -> bool:
    return thing.noun is not Noun.QOS and thing.key[min(1, len(thing.key) - 1)].partition(".")[0] in held


def _staying_accounts(accounts: list[Thing], owned: Ownership, busy: Busy | None) -> Iterator[tuple[tuple[Noun, Key], str]]:
    """What is above an account that stays, stays."""
    going = {thing.key[0] for thing in accounts}
    above = {thing.key[0]: thing.settings.get("parent", "") for thing in owned.seen.of(Noun.ACCOUNT)}
    lived_in = {above[name] for name in above if name not in going}
    strangers = {thing.key[1]: thing.key[0] for thing in owned.foreign() if thing.noun is Noun.ASSOCIATION}
    for thing in reversed(accounts):
        name = thing.key[0]
        why = _why_in_use(busy.accounts if busy else None, name)
        if not why and name in strangers:
            why = f"{strangers[name]}, who is not ours, works in it."
        elif not why and name in lived_in:
            why = "an account below it stays."
        elif not why and thing.settings.get("grpsubmitjobs") != "0":
            why = _OPEN
        if why:
            lived_in.add(above[name])
            yield (thing.noun, thing.key), why


def _why_stays(thing: Thing, owned: Ownership, busy: Busy | None) -> str:
    if thing.noun is Noun.ASSOCIATION:
        return _why_in_use(busy.accounts if busy else None, thing.key[1])
    return _why_qos_stays(thing.key[0], owned, busy) if thing.noun is Noun.QOS else ""


def _why_in_use(used: frozenset[str] | None, name: str) -> str:
    if used is None:
        return _NOT_ASKED
    return _IN_USE if name in used else ""


def _why_qos_stays(name: str, owned: Ownership, busy: Busy | None) -> str:
    if why := _why_in_use(busy.qos if busy else None, name):
        return why
    for thing in owned.foreign():
        named = {each for word in ("qos", "preempt", "defaultqos") for each in thing.settings.get(word, "").split(",")}
        if name in named:
            return f"the {thing.noun} {thing.key[0]}, which is not ours, names it."
    return ""


def _shut(account: Thing) -> Change:
    return Change(Verb.SET, account.noun, account.key, (Setting("grpsubmitjobs", "0", account.settings.get("grpsubmitjobs")),))
