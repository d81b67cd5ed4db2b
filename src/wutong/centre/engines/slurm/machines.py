"""Reads the cluster's nodes as the centre counts them: one machine for each node, partition and kind of accelerator. Pure."""

import re

from wutong.centre.engines.protocol import Machine
from wutong.centre.engines.slurm import parse

COMMAND = ("sinfo", "-h", "-N", "-o", "%N|%T|%c|%m|%G|%R|%l|%E")
"""The reason stands last, for it may hold bars."""

_DOWN = re.compile(r"down|fail|error|unknown|future|inval|no_respond|power|reboot")
_DRAINING = re.compile(r"drain|maint")
_NO_REASON = {"none", "(null)", ""}
_MARK = "wutong: "
_LONGEST_REASON = 200


def machines(text: str) -> list[Machine]:
    """Read the answer to `COMMAND`; a line that is not one is passed over."""
    found = []
    for line in text.splitlines():
        parts = line.split("|", 7)
        if len(parts) != 8 or not (parts[2].isdigit() and parts[3].isdigit()):
            continue
        name, state, cpus, memory, gres, partition, limit, reason = parts
        kinds = parse.accelerators(gres) or {"": 0}
        why = "" if reason.strip() in _NO_REASON else reason.strip().removeprefix(_MARK)
        sizes = (int(cpus), int(memory), condition(state), why, limit_s(limit))
        found += [Machine(name, partition, kind, count, *sizes) for kind, count in kinds.items()]
    return found


def change(name: str, state: str, reason: str) -> list[list[str]]:
    """Return the commands that bring a node to "up", "draining" or "down".

    One that is taken down is drained first: with ReturnToService a node that lives would take work again at once.
    """
    update = ["scontrol", "update", f"NodeName={name}"]
    if state == "up":
        return [[*update, "State=RESUME"]]
    why = f"Reason={_MARK}{_plain(reason)}"
    return [[*update, "State=DRAIN", why], *([[*update, "State=DOWN", why]] if state == "down" else [])]


def condition(state: str) -> str:
    """Return what a node's state comes to: "up", "draining" or "down". A star says that the node does not answer."""
    if state.endswith("*") or _DOWN.search(state):
        return "down"
    return "draining" if _DRAINING.search(state) else "up"


def limit_s(text: str) -> int | None:
    """Read Slurm's `days-hours:minutes:seconds`; None for no limit."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _plain(reason: str) -> str:
    """Keep of a reason what stands in one line."""
    kept = " ".join("".join(sign if sign.isprintable() else " " for sign in reason).split())
    return kept[:_LONGEST_REASON] or "an operator took it out of service"
