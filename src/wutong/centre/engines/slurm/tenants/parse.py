"""From what sacctmgr and squeue print to the state of a cluster. Pure; tried on the text of Slurm 22.05.

sacctmgr escapes nothing: a bar in a foreign description is a bar. So free text stands last in a row, and what is no whole row is passed over.
"""

from collections.abc import Iterable, Iterator, Mapping

from wutong.centre.engines.slurm.tenants.rules import Busy, Key, Noun, State, Thing

QOS_COLUMNS = "Name,Priority,GraceTime,Preempt,PreemptMode,Flags,UsageFactor,MaxWall,MaxJobsPU,MaxSubmitPU,MaxTRESPU,Descr"
ACCOUNT_COLUMNS = "Account,Org,Descr"
PARENT_COLUMNS = "Account,User,ParentName"
ASSOCIATION_COLUMNS = "Account,User,Partition,Share,GrpJobs,GrpSubmit,GrpTRES,GrpTRESMins,QOS,DefaultQOS"
NESTED_COLUMNS = "Lft,Rgt"
BUSY_FORMAT = "%a|%q"

_QOS_WORDS = "name,priority,gracetime,preempt,preemptmode,flags,usagefactor,maxwall,maxjobsperuser,maxsubmitjobsperuser,maxtresperuser,description"
_ASSOCIATION_WORDS = "account,user,partition,fairshare,grpjobs,grpsubmitjobs,grptres,grptresmins,qos,defaultqos"
_LISTS = {"preempt", "flags", "qos"}
_RESOURCES = {"maxtresperuser", "grptres", "grptresmins"}


def seen_state(cluster: str, *, qos: str, accounts: str, associations: str, parents: str | None = None) -> State:
    """Return the state that the listings show. `associations` is with the nested-set numbers unless `parents` is given.

    An account that other clusters know and this one does not has no parent.
    """
    words = _ASSOCIATION_WORDS if parents is not None else f"{_ASSOCIATION_WORDS},left,right"
    above = _parents_from_numbers(associations, words) if parents is None else _parents_from_names(parents)
    things: dict[tuple[Noun, Key], Thing] = {}
    for row in _rows(qos, _QOS_WORDS):
        _put(things, Thing(Noun.QOS, (row.pop("name"),), _settings(row)))
    own: dict[str, dict[str, str]] = {}
    for row in _rows(associations, words):
        _ = row.pop("left", None), row.pop("right", None)
        account, user, partition = row.pop("account"), row.pop("user"), row.pop("partition")
        if user:
            _put(things, Thing(Noun.ASSOCIATION, (user, account, partition) if partition else (user, account), _settings(row)))
        else:
            own[account] = row
    for row in _rows(accounts, "account,organization,description"):
        account = row.pop("account")
        _put(things, Thing(Noun.ACCOUNT, (account,), _settings({**row, "parent": above.get(account, ""), **own.get(account, {})})))
    return State(cluster, things)


def _parents_from_names(listing: str) -> dict[str, str]:
    return {row["account"]: row["parent"] for row in _rows(listing, "account,user,parent") if not row["user"]}


def _parents_from_numbers(listing: str, words: str) -> dict[str, str]:
    """What lies between another's numbers is under it; the last that began and has not ended is the one right above."""
    found: dict[str, str] = {}
    open_now: list[tuple[str, int]] = []
    rows = [row for row in _rows(listing, words) if not row["user"]]
    for row in sorted(rows, key=lambda row: int(row["left"])):
        while open_now and open_now[-1][1] < int(row["left"]):
            open_now.pop()
        found[row["account"]] = open_now[-1][0] if open_now else ""
        open_now.append((row["account"], int(row["right"])))
    return found


def busy(listing: str) -> Busy:
    """Read `squeue -h -a -o '%a|%q'`: which accounts and QOS jobs use that have not ended."""
    rows = list(_rows(listing, "account,qos"))
    return Busy(frozenset(row["account"] for row in rows), frozenset(row["qos"] for row in rows))


def minutes(text: str) -> str:
    """Turn Slurm's `[days-]hours:minutes:seconds` into whole minutes."""
    return str(_seconds(text) // 60)


def _seconds(text: str) -> int:
    days, _, clock = text.rpartition("-")
    hours, whole, rest = (int(part) for part in clock.split(":"))
    return int(days or 0) * 86400 + hours * 3600 + whole * 60 + rest


def _rows(listing: str, words: str) -> Iterator[dict[str, str]]:
    columns = words.split(",")
    for line in listing.splitlines():
        values = line.split("|", len(columns) - 1)
        if len(values) == len(columns):
            yield dict(zip(columns, values, strict=True))


def _put(things: dict[tuple[Noun, Key], Thing], thing: Thing) -> None:
    things[thing.noun, thing.key] = thing


def _settings(row: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word, value in row.items():
        if value != "":
            found.update(_normal(word, value))
    return found


def _normal(word: str, value: str) -> Iterable[tuple[str, str]]:
    if word in _RESOURCES:
        return [(f"{word}:{what}", amount) for what, _, amount in (part.rpartition("=") for part in value.split(","))]
    if word in _LISTS:
        return [(word, ",".join(sorted(value.split(","))))]
    if word == "gracetime":
        return [(word, str(_seconds(value)))]
    if word == "maxwall":
        return [(word, minutes(value))]
    return [(word, value)]
