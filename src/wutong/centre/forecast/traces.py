"""Reads recorded logs: the Standard Workload Format (version 2.2), Helios Venus and Microsoft Philly tables. The only module here that opens files.

Logs are as the world left them: fields missing (-1) or nonsense, jobs cancelled before they ran, clocks set back. A line that says nothing of
a job that ran is left out; what is missing in others is taken from the next best field.
"""

import csv
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from wutong.centre.forecast.rules import Ask, Past, Trace

_FIELDS = 18
_PARTS = {2, 3, 4}
"""Statuses of a part of a job that was checkpointed; a line of status 0 or 1 sums the whole job up."""
_RESET_S = 86_400.0
"""Submissions this much before the one before mean that the clock was set back; smaller steps are lines out of order."""


def load_trace(path: Path) -> Trace:
    """Read a log by the kind that its name tells."""
    name = path.name
    if ".swf" in name:
        return load_swf(path)
    return load_philly(path) if name.startswith("philly") else load_venus(path)


def load_swf(path: Path) -> Trace:
    """Read a log in Standard Workload Format."""
    with _Lines(path) as lines:
        return parse_swf(path.name.split(".")[0], lines)


def parse_swf(name: str, lines: Iterable[str]) -> Trace:
    """Read the lines of a log in Standard Workload Format."""
    cards, found = 0, []
    for line in lines:
        if line.startswith(";"):
            key, _, value = line.lstrip("; ").partition(":")
            words = value.split()
            if words and (key == "MaxProcs" or (key == "MaxNodes" and not cards)) and words[0].isdigit():
                cards = int(words[0])
            continue
        fields = _numbers(line)
        job = _job(fields) if fields else None
        if job is not None:
            found.append(job)
    jobs = _in_order(found)
    return Trace(name, max([cards, *(job.ask.cards for job in jobs)]), jobs)


def load_venus(path: Path) -> Trace:
    """Read the Helios Venus table: it names no users and no limits."""
    with _Lines(path) as lines:
        jobs = [
            Past(Ask(row["job_id"], int(float(row["gpu_count"])), None, float(row["arrival_s"])), max(float(row["service_sec"]), 1.0))
            for row in csv.DictReader(lines)
            if row["gpu_count"]
        ]
    return Trace("venus", 0, _in_order(jobs))


def load_philly(path: Path) -> Trace:
    """Read the Philly table: a virtual cluster is a tenant; there are no users and no limits."""
    with _Lines(path) as lines:
        jobs = [
            Past(
                Ask(
                    str(number), int(row["num_gpus"]), None, datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp(), row["cluster"]
                ),
                max(float(row["duration"]), 1.0),
                row["cluster"],
            )
            for number, row in enumerate(csv.DictReader(lines))
            if row["cluster"]
        ]
    return Trace("philly", 0, sorted(jobs, key=lambda job: job.ask.submit_s))


class _Lines:
    """A text file, packed or not."""

    def __init__(self, path: Path) -> None:
        packed = path.suffix == ".gz"
        self._file = gzip.open(path, "rt", errors="replace") if packed else path.open(errors="replace")  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> Iterator[str]:
        return iter(self._file)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _numbers(line: str) -> list[float]:
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        return []
    return numbers + [-1.0] * (_FIELDS - len(numbers)) if len(numbers) > 4 else []


def _job(fields: list[float]) -> Past | None:
    """Make a job of the fields, or None of one that never ran or was but a part."""
    number, submit, wait, run, allocated, _, _, asked, limit = fields[:9]
    status, user, group, _, queue = fields[10:15]
    cards = int(allocated if allocated > 0 else asked)
    if run <= 0 or cards <= 0 or int(status) in _PARTS:
        return None
    who = f"u{int(user)}" if user >= 0 else ""
    tenant = f"g{int(group)}" if group >= 0 else who
    ask = Ask(f"{int(number)}", cards, limit if limit > 0 else None, submit, who)
    return Past(ask, run, tenant, f"q{int(queue)}" if queue >= 0 else "", wait if wait >= 0 else None)


def _in_order(jobs: list[Past]) -> list[Past]:
    """Mend clocks that were set back, and sort."""
    mended, shift, before = [], 0.0, None
    for job in jobs:
        submit = job.ask.submit_s + shift
        if before is not None and submit < before - _RESET_S:
            shift += before - submit
            submit = before
        before = submit if before is None else max(before, submit)
        mended.append(job if submit == job.ask.submit_s else replace(job, ask=replace(job.ask, submit_s=submit)))
    return sorted(mended, key=lambda job: job.ask.submit_s)
