"""Tells the group of each file by a pattern of its path or a column of a listing. Patterns come from people, so they are matched in linear time."""

import csv
from collections.abc import Iterable, Iterator, Sequence

import re2

from wutong.hub.blobs.rules import File
from wutong.hub.splits.rules import GroupBy, GroupsClash, NoSuchColumn, SplitSpec, UnreadableListing, UnreadablePattern, folder_of
from wutong.kit.errors import Invalid

MAX_GROUP = 300
MAX_CELL = 10_000


def groups_of(files: Sequence[File], spec: SplitSpec, listing: Iterable[str] = ()) -> dict[str, str]:
    """Return the group of each file that has one, by its path. `listing` are the lines of the listing. Raises what is wrong with either."""
    if spec.by is GroupBy.FOLDER:
        found = ((file.path, folder_of(file.path, spec.level)) for file in files)
        return {path: group for path, group in found if group is not None}
    if spec.by is GroupBy.PATTERN:
        return dict(_by_pattern(files, spec.pattern))
    known = {file.path for file in files}
    groups: dict[str, str] = {}
    for path, group in _listed(listing, spec):
        if path in known and groups.setdefault(path, group) != group:
            raise GroupsClash(path=path, first=groups[path], second=group)
    return groups


def _by_pattern(files: Sequence[File], pattern: str) -> Iterator[tuple[str, str]]:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise UnreadablePattern(why=reason[:200]) from None
    if compiled.groups < 1:
        raise Invalid(field="pattern", reason="Put the part that names the group into parentheses, such as (road-[0-9]+)/.")
    number = compiled.groupindex.get("group", 1)
    for file in files:
        found = compiled.search(file.path)
        if found and found.group(number):
            yield file.path, found.group(number)[:MAX_GROUP]


def _listed(lines: Iterable[str], spec: SplitSpec) -> Iterator[tuple[str, str]]:
    """Read (path, group) from a listing with a head; paths may be relative to the listing's own folder."""
    try:
        rows = csv.DictReader(lines)
        head = [name.strip() for name in rows.fieldnames or ()]
        rows.fieldnames = head
        for column in (spec.path_column, spec.group_column):
            if column not in head:
                raise NoSuchColumn(column=column, columns=", ".join(head[:20])[:300])
        for row in rows:
            path, group = row.get(spec.path_column), row.get(spec.group_column)
            if path and group and group.strip():
                yield path.strip().removeprefix("./"), group.strip()[:MAX_GROUP]
    except csv.Error as error:
        raise UnreadableListing(path=spec.listing, why=f"{error}.") from None
