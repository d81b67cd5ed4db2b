"""Slurm's reservations for maintenance: the command lines, and what `scontrol show reservation` prints. Pure."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from wutong.centre.engines import hostlist
from wutong.centre.engines.operations import Reserved

SHOW = ("scontrol", "-o", "show", "reservation")
_NONE = "No reservations in the system"
_FLAGS = "MAINT,IGNORE_JOBS"
_WORD = re.compile(r"(\w+)=(.*?)(?= \w+=|$)")


def create(wish: Reserved, now: int) -> list[str]:
    """Return the making of a reservation that keeps jobs from starting unless they end before; jobs that run are no obstacle."""
    times = [f"StartTime={_moment(wish.start) if wish.start > now else 'now'}", f"EndTime={_moment(wish.end)}"]
    return ["scontrol", "create", "reservation", f"ReservationName={wish.name}", *times, _nodes(wish), f"Flags={_FLAGS}", "Users=root"]


def update(wish: Reserved, seen: Reserved, now: int) -> list[str]:
    """Return the change of a reservation that is there. The start of one that has begun cannot be moved."""
    line = ["scontrol", "update", "reservation", f"ReservationName={wish.name}"]
    if seen.start > now and wish.start != seen.start:
        line.append(f"StartTime={_moment(wish.start) if wish.start > now else 'now'}")
    if wish.end != seen.end:
        line.append(f"EndTime={_moment(wish.end)}")
    return line if wish.nodes == seen.nodes else [*line, _nodes(wish)]


def delete(name: str) -> list[str]:
    """Return the end of a reservation."""
    return ["scontrol", "delete", f"ReservationName={name}"]


def agrees(wish: Reserved, seen: Reserved, now: int) -> bool:
    """Tell whether a reservation is as wished; a start that is over is as good as another."""
    begun = wish.start <= now and seen.start <= now + 60
    return (begun or wish.start == seen.start) and (wish.end, wish.nodes) == (seen.end, seen.nodes)


def read(text: str) -> list[Reserved]:
    """Read the answer to `SHOW`; a line that is not one is passed over."""
    return [] if _NONE in text else list(_read(text))


def is_gone(error: str) -> bool:
    """Tell whether a reservation could not be ended because there is none."""
    return "reservation is invalid" in error.lower()


def _read(text: str) -> Iterator[Reserved]:
    for line in text.splitlines():
        row = {name.lower(): value.strip() for name, value in _WORD.findall(line)}
        start, end = _seconds(row.get("starttime", "")), _seconds(row.get("endtime", ""))
        if start is not None and end is not None and row.get("reservationname"):
            yield Reserved(row["reservationname"], start, end, tuple(sorted(hostlist.expand(row.get("nodes", "")))))


def _nodes(wish: Reserved) -> str:
    return "Nodes=" + ",".join(wish.nodes)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _seconds(text: str) -> int | None:
    """Read a time, as seconds where SLURM_TIME_FORMAT was obeyed and as Slurm writes it in UTC where not."""
    if text.isdigit():
        return int(text)
    try:
        return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None
