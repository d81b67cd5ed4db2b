"""Reads what Slurm's programs print: text to plain types. Pure; tried on the text of Slurm 22.05 and on the shapes of newer ones.

Times come as seconds since the epoch (SLURM_TIME_FORMAT=%s, TZ=UTC). Nothing is escaped: a foreign job's name may hold bars, marks and whole false
lines, so the name stands last and each record ends in a mark that was drawn for this one call.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wutong.centre.engines.slurm.fields import PAST_FIELDS, QUEUE_FIELDS
from wutong.centre.engines.slurm.rules import Job, Past

_REFUSALS = {
    "Requested node configuration is not available": "The cluster has no nodes of this shape. Ask for fewer accelerators, processors or less memory.",
    "Node count specification invalid": "The cluster does not give so many nodes to one run. Ask for fewer.",
    "Requested time limit is invalid": "The cluster does not give so much time to one run. Ask for less.",
    "Job violates accounting/QOS policy": "It asks for more than the cluster's limits allow one run of this account.",
    "Invalid account or account/partition combination specified": "This tenant may not use this part of the cluster. Ask the centre's operator.",
    "Invalid qos specification": "This tenant may not use this class of service. Ask the centre's operator.",
    "Invalid partition name specified": "There is no such part of the cluster. Ask the centre's operator.",
    "Invalid generic resource (gres) specification": "The cluster has no accelerators of this kind.",
    "More processors requested than permitted": "It asks for more processors than the cluster gives to one run.",
    "Memory specification can not be satisfied": "No node has as much memory as it asks for.",
    "User not found on host": "The tenant's UNIX user is not known on the cluster. Ask the centre's operator.",
    "Invalid --uid specification": "The tenant's UNIX user is not known on the cluster. Ask the centre's operator.",
    "Invalid user id": "The tenant's UNIX user is not known on the cluster. Ask the centre's operator.",
}
_UNKNOWN_TENANT = (
    "Invalid account or account/partition combination specified",
    "Invalid qos specification",
    "User not found on host",
    "Invalid --uid specification",
    "Invalid user id",
)
_PASSING = ("SubmitJob", "AccountingPolicy")
"""A ceiling on how many jobs may stand in the queue; other limits that Slurm refuses at once hold for good."""
_ABSENT = ("Invalid job id specified", "Job/step already completing or completed")


@dataclass(frozen=True, slots=True)
class Node:
    """A node's name, state, sizes, accelerators by kind, partition, and its Slurm's version."""

    name: str
    state: str
    cpus: int
    memory_mb: int
    accelerators: dict[str, int]
    partition: str
    version: str

    @property
    def up(self) -> bool:
        """Whether it takes or runs jobs, now or after a passing state."""
        return not re.match(r"(down|drain|fail|error|unknown|future|inval|no_respond|power)", self.state) and not self.state.endswith("*")


def queue_records(text: str, mark: str) -> list[str]:
    """Split the one look into a record for each job, in Slurm's order: by partition, state and falling priority."""
    records = text.split(mark + "\n")
    return records[:-1]


def job(record: str) -> Job | None:
    """Read one record of the look; None where it is not whole."""
    parts = record.split("|", len(QUEUE_FIELDS) - 1)
    if len(parts) != len(QUEUE_FIELDS):
        return None
    id_, state, reason, user, partition, submitted, started, ended, count, status, node, name = parts
    return Job(
        id=id_,
        state=state,
        reason=reason,
        user=user,
        name=name,
        submitted=moment(submitted),
        started=moment(started),
        ended=moment(ended),
        count=_number(count),
        exit_status=_number(status),
        node="" if node in {"n/a", "(null)"} else node,
        partition=partition,
    )


def pasts(text: str, mark: str) -> Iterator[Past]:
    """Read what sacct keeps, oldest start of each job first."""
    fields = len(PAST_FIELDS)
    row: list[str] | None = None
    for line in text.splitlines():
        parts = line.split(mark)
        if len(parts) != fields:
            if row is not None:
                row[-1] += "\n" + line
            continue
        if row is not None:
            yield _past(row)
        row = parts
    if row is not None:
        yield _past(row)


def submitted_id(text: str) -> str | None:
    """Read what `sbatch --parsable` prints: the id, and the cluster's name after a semicolon where there are several."""
    found = re.fullmatch(r"(\d+)(?:;\S*)?", text.strip())
    return found[1] if found else None


def refusal(error: str) -> str | None:
    """Return the sentence for a submission that Slurm will never take; None where it may take it another time, or has taken it."""
    if is_full(error):
        return None
    return next((sentence for said, sentence in _REFUSALS.items() if said in error), None)


def not_released(error: str) -> set[str]:
    """Read which jobs of a list `scontrol release` could not release; it goes on with the next after each."""
    return set(re.findall(r" for job (\d+)$", error, re.MULTILINE))


def is_full(error: str) -> bool:
    """Tell whether Slurm does not take a submission because enough jobs of its owner stand in the queue."""
    return any(passing in error for passing in _PASSING)


def is_new_tenant(error: str) -> bool:
    """Tell whether Slurm does not know the submission's account, class or user, as for a moment after a tenant came."""
    return any(said in error for said in _UNKNOWN_TENANT)


def is_absent(error: str) -> bool:
    """Tell whether a command failed because the job is not there any more."""
    return any(said in error for said in _ABSENT)


def nodes(text: str) -> list[Node]:
    """Read sinfo's list of nodes; one in several partitions comes once for each."""
    found = []
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) == 7:
            name, state, cpus, memory, gres, partition, version = parts
            found.append(Node(name, state, _number(cpus), _number(memory), accelerators(gres), partition, version))
    return found


def accelerators(gres: str) -> dict[str, int]:
    """Read `gpu:ascend910b:8(S:0-1),gpu:a100:2,nic:1` as kind -> count; accelerators are `gpu` by Slurm's name, whatever they are."""
    found: dict[str, int] = {}
    for part in re.split(r",(?![^(]*\))", gres):
        match = re.fullmatch(r"gpu(?::([^:()]+))?:(\d+)(?:\(.*\))?", part.strip())
        if match:
            kind = match[1] or ""
            found[kind] = found.get(kind, 0) + int(match[2])
    return found


def settings(text: str) -> dict[str, str]:
    """Read `scontrol show config`."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def controllers(conf: str) -> list[tuple[str, int]]:
    """Read from slurm.conf where the controllers listen; nothing where it does not say (another file, or none at all)."""
    values: dict[str, list[str]] = {}
    for line in conf.splitlines():
        key, _, value = line.partition("#")[0].strip().partition("=")
        values.setdefault(key.strip().lower(), []).append(value.strip())
    port = re.match(r"\d+", values.get("slurmctldport", ["6817"])[-1])
    found = []
    for host in values.get("slurmctldhost", []):
        match = re.fullmatch(r"([^\s()]+)(?:\(([^()]+)\))?", host)
        if match and port:
            found.append((match[2] or match[1], int(port[0])))
    return found


def moment(text: str) -> int | None:
    """Read seconds since the epoch; None where Slurm has no time to tell."""
    return int(text) if text.isdigit() and text != "0" else None


def exit_status(text: str) -> int:
    """Read sacct's `code:signal` as a wait status."""
    code, _, number = text.partition(":")
    return (_number(code) & 0xFF) << 8 | _number(number) & 0x7F


def _past(row: Sequence[str]) -> Past:
    id_, state, code, user, account, partition, submitted, started, ended, node, trackable, name = row
    return Past(
        id=id_,
        state=state.split(" by ")[0],
        user=user,
        name=name,
        submitted=moment(submitted),
        started=moment(started),
        ended=moment(ended),
        exit_status=exit_status(code),
        node="" if node == "None assigned" else node,
        account=account,
        partition=partition,
        trackable=trackable,
    )


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0
