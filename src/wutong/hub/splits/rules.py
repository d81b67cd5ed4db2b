"""How files are divided: which group each belongs to, and on which side each group falls. Pure.

A group (a part, a road, a person) is never divided. Groups are taken in an order given by the hash of their name and a seed, so the same files,
rule and seed give the same parts everywhere.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wutong.hub.blobs.rules import File
from wutong.kit.errors import Invalid, Problem

PARTS = ("train", "val", "test")
FOLDER = "splits/"
MAX_FILES = 200_000
MAX_LEVEL = 32
MAX_PATTERN = 300


class GroupBy(StrEnum):
    """How a file's group is told: by its folder, by a part of its path, or by a column of a listing."""

    FOLDER = "folder"
    PATTERN = "pattern"
    LISTING = "listing"


@dataclass(frozen=True, slots=True)
class SplitSpec:
    """What is wanted: shares in per cent, and how groups are told. `together` keeps groups that share an equal file on one side."""

    train: int
    val: int
    test: int
    by: GroupBy = GroupBy.FOLDER
    level: int = 1
    pattern: str = ""
    listing: str = ""
    path_column: str = ""
    group_column: str = ""
    prefix: str = ""
    seed: int = 0
    together: bool = False

    @property
    def shares(self) -> dict[str, int]:
        """The share of each part, in per cent."""
        return dict(zip(PARTS, (self.train, self.val, self.test), strict=True))


@dataclass(frozen=True, slots=True)
class Group:
    """Files that stay together, and the part they fall into. `joined` names the groups that are kept with it because they share files."""

    name: str
    files: int
    size_bytes: int
    part: str
    joined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One side of a split, as it came out."""

    name: str
    wanted: int
    groups: int
    files: int
    size_bytes: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A version's files, divided. `outside` are files that belong to no group: they are in no part. `leaks` are equal files on different sides."""

    spec: SplitSpec
    groups: tuple[Group, ...]
    parts: tuple[Part, ...]
    outside: tuple[str, ...]
    too_large: tuple[str, ...]
    leaks: tuple[tuple[str, str], ...]

    @property
    def files(self) -> int:
        """How many files are in a part."""
        return sum(part.files for part in self.parts)


class TooFewGroups(Problem):
    """There are not enough groups to give every part one."""

    code = "too_few_groups"
    status = 422
    message = "There are {groups} groups for {parts} parts, and a group is never divided. Tell groups by something finer, or leave a part out."


class GroupsClash(Problem):
    """A file is said to be of two groups, which would let it fall on both sides."""

    code = "groups_clash"
    status = 422
    message = "{path} is listed with the groups {first} and {second}. A file belongs to one group: correct the listing."


class UnreadablePattern(Problem):
    """A regular expression that cannot be read."""

    code = "unreadable_pattern"
    status = 422
    message = "The regular expression cannot be read: {why}."


class NoSuchColumn(Problem):
    """A listing lacks a column that was named."""

    code = "no_such_column"
    status = 422
    message = "The listing has no column {column}; it has {columns}."


class UnreadableListing(Problem):
    """A listing that is not there, or no CSV."""

    code = "unreadable_listing"
    status = 422
    message = "{path} cannot be read as a listing: {why}"


class TooManyToSplit(Problem):
    """A version has more files than are divided here."""

    code = "too_many_to_split"
    status = 422
    message = "At most {limit} files are divided here. Divide a larger version in a job of yours."


def check_spec(spec: SplitSpec) -> SplitSpec:
    """Return a split that makes sense. Raises `Invalid`."""
    shares = spec.shares
    if any(not 0 <= share <= 100 for share in shares.values()) or sum(shares.values()) != 100:
        raise Invalid(field="train", reason="Give shares from 0 to 100 that add up to 100 per cent.")
    if sum(share > 0 for share in shares.values()) < 2:
        raise Invalid(field="val", reason="Give at least two of the parts a share.")
    if not 1 <= spec.level <= MAX_LEVEL:
        raise Invalid(field="level", reason="Give a level of folders from 1 to 32.")
    if spec.by is GroupBy.PATTERN and not 1 <= len(spec.pattern) <= MAX_PATTERN:
        raise Invalid(field="pattern", reason="Write a regular expression of 1 to 300 characters.")
    if spec.by is GroupBy.LISTING and not (spec.listing and spec.path_column and spec.group_column):
        raise Invalid(field="listing", reason="Name the listing (a CSV file of this version), its column of paths and its column of groups.")
    return spec


def within(files: Sequence[File], spec: SplitSpec) -> list[File]:
    """Return the files that are to be divided: those below the prefix, without the listing and the lists of an earlier split."""
    return [file for file in files if file.path.startswith(spec.prefix) and not file.path.startswith(FOLDER) and file.path != spec.listing]


def folder_of(path: str, level: int) -> str | None:
    """Return the first `level` folders of a path, None for a file that does not lie so deep."""
    parts = path.split("/")
    return "/".join(parts[:level]) if len(parts) > level else None


def divide(files: Sequence[File], groups: Mapping[str, str], spec: SplitSpec) -> Split:
    """Give every group a side. `groups` has each file's group by its path; files without one are left outside. Raises `TooFewGroups`."""
    check_spec(spec)
    members: dict[str, list[File]] = defaultdict(list)
    for file in files:
        if file.path in groups:
            members[groups[file.path]].append(file)
    joined = _join(members) if spec.together else {name: (name,) for name in members}
    sides = _sides({name: sum(len(members[each]) for each in whole) for name, whole in joined.items()}, spec)
    by_group = {each: sides[name] for name, whole in joined.items() for each in whole}
    return Split(
        spec,
        tuple(_group(name, whole, members, sides[name]) for name, whole in sorted(joined.items())),
        tuple(_part(name, share, members, by_group) for name, share in spec.shares.items() if share),
        tuple(sorted(file.path for file in files if file.path not in groups)),
        _too_large(joined, members, spec),
        _leaks(members, by_group),
    )


def lists(split: Split) -> dict[str, bytes]:
    """Return what a split is written down as: a list of paths a part, one path a line."""
    return {f"{FOLDER}{part.name}.txt": "".join(f"{path}\n" for path in part.paths).encode() for part in split.parts}


def described(spec: SplitSpec) -> str:
    """Say a split in one line, for the note of the version it makes."""
    how = {
        GroupBy.FOLDER: f"folder level {spec.level}",
        GroupBy.PATTERN: f"pattern {spec.pattern}",
        GroupBy.LISTING: f"column {spec.group_column} of {spec.listing}",
    }[spec.by]
    below = f" below {spec.prefix}" if spec.prefix else ""
    return f"Split {spec.train}/{spec.val}/{spec.test} by {how}{below}, seed {spec.seed}{', equal files together' if spec.together else ''}."


def _sides(weights: Mapping[str, int], spec: SplitSpec) -> dict[str, str]:
    """Give each group to the part that lacks most files. Groups too large for the smallest part come first, the last ones go to parts without any."""
    shares = {name: share for name, share in spec.shares.items() if share}
    if len(weights) < len(shares):
        raise TooFewGroups(groups=len(weights), parts=len(shares))
    total = sum(weights.values())
    wanted = {name: total * share / 100 for name, share in shares.items()}
    smallest = min(wanted.values())
    order = sorted(weights, key=lambda name: (weights[name] <= smallest, _rank(name, spec.seed)))
    have, sides = dict.fromkeys(shares, 0), {}
    for at, name in enumerate(order):
        bare = [part for part in shares if not have[part]]
        choices = bare if len(order) - at <= len(bare) else list(shares)
        side = max(choices, key=lambda part: (wanted[part] - have[part], shares[part]))
        sides[name] = side
        have[side] += weights[name]
    return sides


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def _join(members: Mapping[str, Sequence[File]]) -> dict[str, tuple[str, ...]]:
    """Join the groups that share equal files; a joined group is known by the first of its names."""
    parent = {name: name for name in members}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first: dict[str, str] = {}
    for name in sorted(members):
        for file in members[name]:
            if file.size_bytes:
                one, other = root(first.setdefault(file.sha256, name)), root(name)
                parent[max(one, other)] = min(one, other)
    whole: dict[str, list[str]] = defaultdict(list)
    for name in sorted(members):
        whole[root(name)].append(name)
    return {name: tuple(each) for name, each in whole.items()}


def _group(name: str, whole: tuple[str, ...], members: Mapping[str, Sequence[File]], part: str) -> Group:
    files = [file for each in whole for file in members[each]]
    return Group(name, len(files), sum(file.size_bytes for file in files), part, tuple(each for each in whole if each != name))


def _part(name: str, share: int, members: Mapping[str, Sequence[File]], sides: Mapping[str, str]) -> Part:
    mine = [group for group in members if sides[group] == name]
    files = [file for group in mine for file in members[group]]
    paths = tuple(sorted(file.path for file in files))
    return Part(name, share, len(mine), len(files), sum(file.size_bytes for file in files), paths)


def _too_large(joined: Mapping[str, tuple[str, ...]], members: Mapping[str, Sequence[File]], spec: SplitSpec) -> tuple[str, ...]:
    """Return the groups that alone hold more than the smallest part should."""
    smallest = min(share for share in spec.shares.values() if share) * sum(map(len, members.values())) / 100
    return tuple(name for name, whole in sorted(joined.items()) if sum(len(members[each]) for each in whole) > smallest)


def _leaks(members: Mapping[str, Sequence[File]], sides: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return pairs of equal files on different sides, one pair for each content; empty files tell nothing."""
    seen: dict[str, tuple[str, str]] = {}
    found: dict[str, tuple[str, str]] = {}
    for group in sorted(members):
        for file in members[group]:
            path, side = seen.setdefault(file.sha256, (file.path, sides[group]))
            if side != sides[group] and file.size_bytes:
                found.setdefault(file.sha256, (path, file.path))
    return tuple(found.values())
