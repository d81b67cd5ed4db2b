"""From what scontrol and sacctmgr print to facts. Pure; tried on the text of Slurm 22.05."""

import re
from collections.abc import Iterator, Mapping

from wutong.centre.engines.slurm.checkup.rules import Node, Partition

_WORD = re.compile(r"(\w+(?:\[\d+\])?)=(.*?)(?= \w+(?:\[\d+\])?=|$)")
_NOTHING = {"(null)", "N/A", "none", ""}


def settings(text: str) -> dict[str, str]:
    """Read `scontrol show config`: names in small letters, what is not set as ''. The settings of cgroups come along."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith(" "):
            found[name.strip().lower()] = "" if value.strip() in _NOTHING else value.strip()
    return found


def accounting_settings(text: str) -> dict[str, str] | None:
    """Read the part of `sacctmgr show config` that slurmdbd tells of itself; the rest is what the client believes."""
    _, told, rest = text.partition("SlurmDBD configuration:")
    return settings(rest) if told else None


def words(value: str) -> set[str]:
    """Read a list of words, in small letters."""
    return {word.strip().lower() for word in value.split(",") if word.strip()}


def options(value: str) -> dict[str, str]:
    """Read a list of `name=value` and bare words, as of SchedulerParameters."""
    return {name.strip().lower(): text for name, _, text in (word.partition("=") for word in value.split(",")) if name.strip()}


def seconds(value: str) -> int | None:
    """Read `30 sec` or `00:05:00`."""
    if match := re.match(r"(\d+) sec", value):
        return int(match[1])
    if match := re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", value):
        days, hours, minutes, rest = (int(part or 0) for part in match.groups())
        return days * 86400 + hours * 3600 + minutes * 60 + rest
    return None


def nodes(text: str) -> tuple[Node, ...]:
    """Read `scontrol -o show node`."""
    return tuple(
        Node(
            name=row["nodename"],
            resources="" if row.get("gres", "") in _NOTHING else row.get("gres", ""),
            state=row.get("state", ""),
            partition=row.get("partitions", "").split(",")[0],
        )
        for row in _rows(text)
        if "nodename" in row
    )


def partitions(text: str) -> tuple[Partition, ...]:
    """Read `scontrol -o show partition`."""
    return tuple(
        Partition(
            name=row["partitionname"],
            accounts=row.get("allowaccounts", "ALL"),
            groups=row.get("allowgroups", "ALL"),
            alone=row.get("exclusiveuser", "NO") == "YES",
        )
        for row in _rows(text)
        if "partitionname" in row
    )


def powers(text: str) -> dict[str, str]:
    """Read `sacctmgr -nP show user withcoord format=User,Admin,Coord`: who is more than a user, and what."""
    found = {}
    for line in text.splitlines():
        user, _, rest = line.partition("|")
        level, _, coordinates = rest.partition("|")
        if level not in {"None", ""}:
            found[user] = level
        elif coordinates:
            found[user] = f"coordinator of {coordinates}"
    return found


def _rows(text: str) -> Iterator[Mapping[str, str]]:
    for line in text.splitlines():
        yield {name.lower(): value.strip() for name, value in _WORD.findall(line)}
