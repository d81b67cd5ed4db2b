"""The graph of what a job was made from and what it made: places of boxes and lines, for a drawing with links. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from wutong.compute.jobs.rules import Job
from wutong.hub.rules import Repo, Version

WIDTH, HEIGHT, GAP_X, GAP_Y = 190, 46, 50, 14
MOST_COLUMNS = 22
"""How many letters of half width a box has room for; those of Chinese are of full width."""
Known = Mapping[str, tuple[Repo, Version]]


@dataclass(frozen=True, slots=True)
class Box:
    """A thing in the graph: what it is, its name, where it leads ("" for nowhere), and its place."""

    kind: str
    name: str
    href: str
    x: int
    y: int

    @property
    def short(self) -> str:
        """The name as far as it fits."""
        room = MOST_COLUMNS
        for at, letter in enumerate(self.name):
            room -= 2 if east_asian_width(letter) in "WF" else 1
            if room < 0:
                return f"{self.name[: at - 1]}…"
        return self.name


@dataclass(frozen=True, slots=True)
class Line:
    """A line from the right side of one box to the left side of another."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Graph:
    """All of it, with the size it needs."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


def graph_of(job: Job, known: Known) -> Graph:
    """Lay out what the job was made from on its left, with the jobs that made that, and what it made on its right."""
    origins: list[tuple[str, str, str]] = []
    inputs: list[tuple[str, str, str]] = []
    ways: list[tuple[int, int]] = []
    for item in job.inputs:
        found = known.get(item.version_id)
        inputs.append((item.kind, item.ref, version_path(found)))
        made_by = str(found[1].lineage.get("job", "")) if found else ""
        if found and made_by:
            origins.append(("job", str(found[1].lineage.get("job_name") or made_by), f"/jobs/{made_by}"))
            ways.append((len(origins) - 1, len(inputs) - 1))
    inputs.append(("environment", job.request.environment, "/environments"))
    made = known.get(job.output_version_id or "")
    outputs = [(made[0].kind.value, f"{made[0].name}@{made[1].number}", version_path(made))] if made else []
    return _laid_out(origins, inputs, ("this job", job.name, ""), outputs, ways)


def version_path(found: tuple[Repo, Version] | None) -> str:
    """Return the page of a version."""
    return f"/data/{found[0].id}/versions/{found[1].number}" if found else ""


def _laid_out(
    origins: Sequence[tuple[str, str, str]],
    inputs: Sequence[tuple[str, str, str]],
    job: tuple[str, str, str],
    outputs: Sequence[tuple[str, str, str]],
    ways: Sequence[tuple[int, int]],
) -> Graph:
    columns = [column for column in (origins, inputs, [job], outputs) if column]
    height = max(len(column) for column in columns) * (HEIGHT + GAP_Y) - GAP_Y
    placed = [_column(column, at * (WIDTH + GAP_X), height) for at, column in enumerate(columns)]
    first = 1 if origins else 0
    lines = [_line(placed[0][start], placed[1][end]) for start, end in ways]
    lines += [_line(box, placed[first + 1][0]) for box in placed[first]]
    lines += [_line(placed[first + 1][0], box) for box in (placed[first + 2] if outputs else ())]
    width = len(columns) * (WIDTH + GAP_X) - GAP_X
    return Graph(tuple(box for column in placed for box in column), tuple(lines), width, height)


def _column(things: Sequence[tuple[str, str, str]], x: int, height: int) -> list[Box]:
    top = (height - len(things) * (HEIGHT + GAP_Y) + GAP_Y) // 2
    return [Box(*thing, x, top + at * (HEIGHT + GAP_Y)) for at, thing in enumerate(things)]


def _line(left: Box, right: Box) -> Line:
    return Line(left.x + WIDTH, left.y + HEIGHT // 2, right.x, right.y + HEIGHT // 2)
