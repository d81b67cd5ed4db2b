"""From a plan to as few calls of sacctmgr as it takes. Pure.

A call costs 0.2 to 0.6 s whatever it does, so whatever is new goes in by one file (`sacctmgr load`, which is one transaction, only adds and
never removes), and things that get the same values are named in one call. Measured with 22.05: 200 accounts one by one 126 s, by file 1.7 s.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from wutong.centre.engines.slurm.tenants import parse
from wutong.centre.engines.slurm.tenants.names import is_project_account
from wutong.centre.engines.slurm.tenants.rules import Change, Key, Noun, Plan, Setting, Verb

FILE = "{file}"
_NAMES_A_CALL = 250
_SHOW = ("sacctmgr", "-n", "-P", "-r", "show")
_DO = ("sacctmgr", "-i", "-Q")
_CLEARED = {"qos": "", "preempt": "", "description": ""}  # everything else is cleared by -1
_LOADED = {"organization": "Organization", "description": "Description", "fairshare": "Fairshare", "qos": "QOS", "defaultqos": "DefaultQOS"}
_LOADED |= {"grpjobs": "GrpJobs", "grpsubmitjobs": "GrpSubmitJobs", "grptres": "GrpTRES", "grptresmins": "GrpTRESMins"}


@dataclass(frozen=True, slots=True)
class Call:
    """A command line, the text of the file it reads (whose path stands for `FILE` in the line), and the changes it makes."""

    argv: tuple[str, ...]
    file: str = ""
    changes: tuple[Change, ...] = ()


def look_at_qos() -> Call:
    """List every QOS."""
    return Call((*_SHOW, "qos", f"format={parse.QOS_COLUMNS}"))


def look_at_accounts() -> Call:
    """List every account, of every cluster of this accounting."""
    return Call((*_SHOW, "account", f"format={parse.ACCOUNT_COLUMNS}"))


def look_at_associations(cluster: str, *, nested: bool = True) -> Call:
    """List what is set at each account and association itself, without what they inherit (`wopinfo`).

    `nested` asks for Slurm's nested-set numbers as well, from which follows what is under what.
    """
    columns = parse.ASSOCIATION_COLUMNS + (f",{parse.NESTED_COLUMNS}" if nested else "")
    return Call((*_SHOW, "assoc", f"cluster={cluster}", "wopinfo", f"format={columns}"))


def look_at_parents(cluster: str) -> Call:
    """List which account is under which, where Slurm has no such numbers any more. Not with `wopinfo`, so it takes seconds for hundreds."""
    return Call((*_SHOW, "assoc", f"cluster={cluster}", f"format={parse.PARENT_COLUMNS}"))


def look_at_use() -> Call:
    """List account and QOS of every job that has not ended."""
    return Call(("squeue", "-h", "-a", "-o", parse.BUSY_FORMAT))


def calls(plan: Plan) -> list[Call]:
    """Return the calls that carry a plan out, in order."""
    found: list[Call] = []
    for (verb, noun), group in groupby(plan.changes, key=_kind):
        changes = list(group)
        if verb is Verb.ADD:
            found += [_add_qos(change) for change in changes] if noun is Noun.QOS else [_load(plan.cluster, changes)]
        elif verb is Verb.SET:
            found += _settings(plan.cluster, changes)
        else:
            for default in (False, True):
                found += (_remove(plan.cluster, noun, part) for part in _parts([each for each in changes if _may_be_default(each) is default]))
    return found


def _kind(change: Change) -> tuple[Verb, Noun]:
    """What may share calls: new accounts with associations, corrections with each other."""
    if change.verb is Verb.SET or (change.verb is Verb.ADD and change.noun is Noun.ASSOCIATION):
        return change.verb, Noun.ACCOUNT
    return change.verb, change.noun


def _may_be_default(change: Change) -> bool:
    """Tell whether it may be a user's default account, which goes only when the user's others are gone, so in a call of its own."""
    return change.noun is Noun.ASSOCIATION and not is_project_account(change.key[1])


def _add_qos(change: Change) -> Call:
    return Call((*_DO, "add", "qos", f"name={change.key[0]}", *_words(change.settings)), changes=(change,))


def _load(cluster: str, changes: Sequence[Change]) -> Call:
    lines = [f"Cluster - '{cluster}'"]
    for change in changes:
        settings = {each.word: each.value or "" for each in change.settings}
        above, what = (change.key[1], "User") if change.noun is Noun.ASSOCIATION else (settings.pop("parent"), "Account")
        words = [f"{_LOADED[word]}='{value}'" for word, value in _joined(settings.items())]
        lines += [f"Parent - '{above}'", ":".join([f"{what} - '{change.key[0]}'", *words])]
    return Call((*_DO, "load", FILE), "\n".join(lines) + "\n", tuple(changes))


def _settings(cluster: str, changes: Sequence[Change]) -> Iterator[Call]:
    """One call for all things of a kind that get the same values."""
    alike: dict[tuple[Noun, tuple[tuple[str, str | None], ...]], list[Change]] = {}
    for change in changes:
        alike.setdefault((change.noun, tuple((each.word, each.value) for each in change.settings)), []).append(change)
    for (noun, _values), group in alike.items():
        for part in _parts(group):
            yield Call((*_DO, "modify", *_which(cluster, noun, part), "set", *_words(part[0].settings)), changes=tuple(part))


def _remove(cluster: str, noun: Noun, changes: Sequence[Change]) -> Call:
    return Call((*_DO, "remove", *_which(cluster, noun, changes)), changes=tuple(changes))


def _which(cluster: str, noun: Noun, changes: Sequence[Change]) -> tuple[str, ...]:
    """Name things. Of associations Slurm takes every named user in every named account. An account of ours has one user, so they pair up;
    where two tenants exchange their users one too many may go, which the next step puts back.
    """
    keys = [change.key for change in changes]
    if noun is Noun.QOS:
        return ("qos", "where", _names(keys, 0))
    if noun is Noun.ACCOUNT:
        return ("account", "where", _names(keys, 0), f"cluster={cluster}")
    return ("user", "where", _names(keys, 0), f"account={','.join(dict.fromkeys(key[1] for key in keys))}", f"cluster={cluster}")


def _names(keys: Iterable[Key], place: int) -> str:
    return "name=" + ",".join(dict.fromkeys(key[place] for key in keys))


def _words(settings: Iterable[Setting]) -> list[str]:
    values = ((each.word, _cleared(each.word) if each.value is None else each.value) for each in settings)
    return [f"{word}={value}" for word, value in _joined(values)]


def _cleared(word: str) -> str:
    return _CLEARED.get(word, "-1")


def _joined(settings: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put the parts of a list of resources together again."""
    found: dict[str, str] = {}
    for word, value in settings:
        name, _, part = word.partition(":")
        if part:
            found[name] = f"{found[name]},{part}={value}" if name in found else f"{part}={value}"
        else:
            found[name] = value
    return list(found.items())


def _parts(changes: Sequence[Change]) -> Iterator[list[Change]]:
    for start in range(0, len(changes), _NAMES_A_CALL):
        yield list(changes[start : start + _NAMES_A_CALL])
