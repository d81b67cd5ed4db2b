"""Dividing versions: no group on two sides whatever the files, the same parts again from the same seed, shares near what was asked, leaks told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.hubkit import COLLEAGUE, OWNER, STRANGER, VIEWER, Hub, file

from wutong.hub import service
from wutong.hub.rules import GroupBy, GroupsClash, SplitSpec, TooFewGroups
from wutong.hub.splits.grouping import groups_of
from wutong.hub.splits.rules import NoSuchColumn, UnreadablePattern, check_spec, divide, lists, within
from wutong.kit.errors import Forbidden, Invalid, NotFound

EVEN = SplitSpec(80, 10, 10)


def roads(count, each=10):
    """Pictures of many roads, a folder each."""
    return [file(f"road-{road}/{number}.jpg", f"{road} {number}".encode()) for road in range(count) for number in range(each)]


def split(files, spec=EVEN, listing=()):
    chosen = within(files, check_spec(spec))
    return divide(chosen, groups_of(chosen, spec, listing), spec)


def sides(found):
    """The part of each path."""
    return {path: part.name for part in found.parts for path in part.paths}


@given(
    st.dictionaries(st.integers(0, 10**6), st.integers(1, 30), min_size=3, max_size=40),
    st.integers(0, 100),
    st.integers(0, 100),
    st.integers(0, 2**31),
    st.booleans(),
)
def test_a_group_is_never_on_two_sides(sizes, first, second, seed, together):
    train, val = min(first, second), abs(first - second)
    shares = (train, val, 100 - train - val)
    if sum(share > 0 for share in shares) < 2:
        return
    files = [file(f"{group}/{number}", f"{number}{group % 7}".encode()) for group, size in sizes.items() for number in range(size)]
    spec = SplitSpec(*shares, seed=seed, together=together)
    try:
        found = split(files, spec)
    except TooFewGroups:
        assert together
        return
    where = sides(found)
    assert len(where) == len(files)
    for group in sizes:
        assert len({side for path, side in where.items() if path.startswith(f"{group}/")}) == 1
    assert all(part.files for part in found.parts)
    assert not (together and found.leaks)
    assert sides(split(list(reversed(files)), spec)) == where


def test_shares_come_out_near_what_was_asked():
    parts = {part.name: part.files for part in split(roads(100)).parts}
    assert parts == {"train": 800, "val": 100, "test": 100}


def test_another_seed_gives_other_sides():
    assert sides(split(roads(50))) != sides(split(roads(50), SplitSpec(80, 10, 10, seed=1)))


def test_a_large_group_goes_where_it_fits_and_is_told():
    files = roads(20) + [file(f"motorway/{number}.jpg", f"m{number}".encode()) for number in range(100)]
    found = split(files)
    assert found.too_large == ("motorway",)
    assert {side for path, side in sides(found).items() if path.startswith("motorway/")} == {"train"}
    assert all(part.files for part in found.parts)


def test_every_part_gets_a_group_even_of_three():
    assert [part.groups for part in split(roads(3)).parts] == [1, 1, 1]


def test_too_few_groups_are_refused():
    with pytest.raises(TooFewGroups, match="2 groups for 3 parts"):
        split(roads(2))


def test_files_of_no_group_are_in_no_part():
    found = split([*roads(5), file("README.md", b"read me")])
    assert found.outside == ("README.md",)
    assert "README.md" not in sides(found)


def test_equal_files_on_two_sides_are_told_and_can_be_kept_together():
    files = [*roads(10, each=2), *(file(f"road-{road}/same.jpg", b"the same picture") for road in range(10))]
    leaks = split(files).leaks
    assert len(leaks) == 1
    assert leaks[0][0].endswith("same.jpg")
    with pytest.raises(TooFewGroups):
        split(files, SplitSpec(80, 10, 10, together=True))
    few = [*roads(10, each=2), file("road-0/same.jpg", b"same"), file("road-7/same.jpg", b"same")]
    joined = split(few, SplitSpec(80, 10, 10, together=True))
    assert joined.leaks == ()
    assert next(group for group in joined.groups if group.name == "road-0").joined == ("road-7",)


def test_empty_files_are_no_leak():
    files = [*roads(5), *(file(f"road-{road}/none.txt", b"") for road in range(5))]
    assert split(files).leaks == ()


def test_groups_are_told_by_a_pattern():
    files = [file(f"images/p{person}_{number}.png", f"{person}{number}".encode()) for person in range(6) for number in range(3)]
    found = split(files, SplitSpec(50, 25, 25, by=GroupBy.PATTERN, pattern=r"/(p\d+)_"))
    assert {group.name for group in found.groups} == {f"p{person}" for person in range(6)}
    named = split(files, SplitSpec(50, 25, 25, by=GroupBy.PATTERN, pattern=r"(images)/(?P<group>p\d+)_"))
    assert sides(named) == sides(found)


@pytest.mark.parametrize("pattern", ["(", "no group", "[", "(?P<group", "(a)\\1", "(?=look)(a)"])
def test_patterns_that_cannot_be_read_are_refused(pattern):
    with pytest.raises((Invalid, UnreadablePattern)):
        split(roads(5), SplitSpec(80, 10, 10, by=GroupBy.PATTERN, pattern=pattern))


def test_a_pattern_made_to_take_for_ever_does_not():
    files = [file("a" * 900 + f"!{number}", str(number).encode()) for number in range(20)]
    assert groups_of(files, SplitSpec(80, 10, 10, by=GroupBy.PATTERN, pattern="((a+)+)+$")) == {}


LISTING = ["\ufeffimage, person\n".lstrip("\ufeff"), "a.jpg,ann\n", "b.jpg,bob\n", "c.jpg,cyn\n", "./d.jpg,ann\n", "gone.jpg,bob\n", "e.jpg,\n"]
BY_LISTING = SplitSpec(60, 20, 20, by=GroupBy.LISTING, listing="people.csv", path_column="image", group_column="person")


def test_groups_are_told_by_a_listing():
    files = [file(f"{letter}.jpg", letter.encode()) for letter in "abcde"] + [file("people.csv", b"...")]
    found = split(files, BY_LISTING, LISTING)
    assert {group.name: group.files for group in found.groups} == {"ann": 2, "bob": 1, "cyn": 1}
    assert found.outside == ("e.jpg",)


def test_a_file_of_two_groups_is_refused():
    files = [file(f"{letter}.jpg", letter.encode()) for letter in "abc"]
    with pytest.raises(GroupsClash, match=r"a\.jpg"):
        split(files, BY_LISTING, [*LISTING, "a.jpg,bob\n"])


def test_a_listing_without_the_column_says_what_it_has():
    with pytest.raises(NoSuchColumn, match="it has image, who"):
        split(roads(3), BY_LISTING, ["image,who\n"])


@pytest.mark.parametrize(
    "spec",
    [
        SplitSpec(80, 10, 5),
        SplitSpec(100, 0, 0),
        SplitSpec(110, -10, 0),
        SplitSpec(80, 10, 10, level=0),
        SplitSpec(80, 10, 10, by=GroupBy.PATTERN),
        SplitSpec(80, 10, 10, by=GroupBy.LISTING, listing="a.csv"),
    ],
)
def test_what_makes_no_sense_is_refused(spec):
    with pytest.raises(Invalid):
        split(roads(10), spec)


def test_only_files_below_the_prefix_are_divided():
    found = split([*roads(5), *(file(f"set/{name}/1", name.encode()) for name in "abcd")], SplitSpec(50, 25, 25, prefix="set/", level=2))
    assert {path.split("/")[0] for path in sides(found)} == {"set"}


def test_a_split_is_kept_as_the_next_version(hub: Hub):
    version = hub.commit({entry.path: f"{entry.path}".encode() for entry in roads(10, each=2)})
    spec = SplitSpec(80, 10, 10, seed=3)
    planned = hub.run(service.plan_split, VIEWER, version.id, spec, blobs=hub.blobs)
    made = hub.run(service.make_split, COLLEAGUE, version.id, spec, blobs=hub.blobs)
    assert made.number == version.number + 1
    assert made.note == "Split 80/10/10 by folder level 1, seed 3."
    assert made.lineage["inputs"][0]["ref"] == "digits@1"
    assert made.lineage["split"]["seed"] == 3
    written = hub.run(service.get_file, OWNER, made.id, "splits/train.txt")
    content = b"".join(hub.blobs.open_range(written.sha256))
    assert content == lists(planned)["splits/train.txt"]
    assert made.file_count == version.file_count + 3
    again = hub.run(service.make_split, OWNER, made.id, SplitSpec(50, 50, 0), blobs=hub.blobs)
    assert again.file_count == version.file_count + 2


def test_a_split_by_a_listing_in_the_version(hub: Hub):
    people = "﻿image,person\r\n" + "".join(f"{number}.jpg,p{number % 4}\r\n" for number in range(12))
    version = hub.commit({**{f"{number}.jpg": str(number).encode() for number in range(12)}, "people.csv": people.encode()})
    spec = SplitSpec(50, 25, 25, by=GroupBy.LISTING, listing="people.csv", path_column="image", group_column="person")
    found = hub.run(service.plan_split, OWNER, version.id, spec, blobs=hub.blobs)
    assert [part.files for part in found.parts] == [6, 3, 3]


def test_only_who_may_write_the_own_repository_splits_it(hub: Hub):
    version = hub.commit({entry.path: entry.path.encode() for entry in roads(10, each=1)})
    with pytest.raises(Forbidden):
        hub.run(service.make_split, VIEWER, version.id, EVEN, blobs=hub.blobs)
    with pytest.raises(NotFound):
        hub.run(service.make_split, STRANGER, version.id, EVEN, blobs=hub.blobs)
    with pytest.raises(NotFound):
        hub.run(service.plan_split, STRANGER, version.id, EVEN, blobs=hub.blobs)
