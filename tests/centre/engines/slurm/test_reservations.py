"""Reservations, on text that scontrol of Slurm 22.05.8 printed."""

import pytest

from wutong.centre.engines import hostlist
from wutong.centre.engines.operations import Reserved
from wutong.centre.engines.slurm import reservations

PRINTED = (
    "ReservationName=c-maint-1 StartTime=1764583200 EndTime=1764590400 Duration=02:00:00 Nodes=boxn1 NodeCnt=1 CoreCnt=32 Features=(null) "
    "PartitionName=(null) Flags=MAINT,IGNORE_JOBS,SPEC_NODES TRES=cpu=32 Users=root Groups=(null) Accounts=(null) Licenses=(null) State=INACTIVE "
    "BurstBuffer=(null) Watts=n/a MaxStartDelay=(null)\n"
    "ReservationName=other StartTime=2025-12-01T10:00:00 EndTime=2025-12-01T12:30:00 Duration=9-06:27:34 Nodes=boxn[1-2] NodeCnt=2 CoreCnt=64 "
    "Features=(null) PartitionName=(null) Flags=MAINT,IGNORE_JOBS,SPEC_NODES,ALL_NODES TRES=cpu=64 Users=root Groups=(null) Accounts=(null) "
    "Licenses=(null) State=INACTIVE BurstBuffer=(null) Watts=n/a MaxStartDelay=(null)\n"
)
WISH = Reserved("c-maint-1", 1764583200, 1764590400, ("boxn1",))


def test_what_is_there_is_read_with_its_nodes_counted_out() -> None:
    assert reservations.read(PRINTED) == [WISH, Reserved("other", 1764583200, 1764592200, ("boxn1", "boxn2"))]
    assert reservations.read("No reservations in the system\n") == []


def test_one_that_has_begun_needs_no_other_start() -> None:
    now = WISH.start + 100
    late = Reserved(WISH.name, WISH.start + 40, WISH.end, WISH.nodes)
    assert reservations.agrees(WISH, late, now)
    assert not reservations.agrees(WISH, late, WISH.start - 1000)
    longer = Reserved(WISH.name, WISH.start, WISH.end + 3600, WISH.nodes)
    assert reservations.update(longer, WISH, now)[4:] == ["EndTime=2025-12-01T13:00:00"]


def test_a_start_in_the_past_is_now() -> None:
    assert "StartTime=2025-12-01T10:00:00" in reservations.create(WISH, WISH.start - 60)
    assert "StartTime=now" in reservations.create(WISH, WISH.start + 60)


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("box[001-003,007],head", ["box001", "box002", "box003", "box007", "head"]),
        ("boxn1", ["boxn1"]),
        ("r[1-2]-x", ["r1-x", "r2-x"]),
        ("None assigned", []),
        ("(null)", []),
    ],
)
def test_lists_of_nodes_are_counted_out(text: str, nodes: list[str]) -> None:
    assert hostlist.expand(text) == nodes
