"""What an exit status and the beginning of a log mean."""

import errno

import pytest

from wutong.centre.engines.local.verdict import Exit, exit_of, judge, unprepared
from wutong.centre.engines.protocol import EndReason


@pytest.mark.parametrize(
    ("status", "confined", "end"),
    [
        (None, True, Exit()),
        (0, True, Exit(code=0)),
        (3 << 8, False, Exit(code=3)),
        (9, False, Exit(signal=9)),
        (137 << 8, True, Exit(signal=9)),
        (137 << 8, False, Exit(code=137)),
        (255 << 8, True, Exit(code=255)),
        (128 << 8, True, Exit(code=128)),
    ],
)
def test_reads_wait_statuses(status, confined, end):
    found = exit_of(status, confined=confined)
    assert (found.code, found.signal) == (end.code, end.signal)


@pytest.mark.parametrize(
    ("end", "beginning", "lasted_ms", "reason"),
    [
        (Exit(code=0), b"", 5, EndReason.COMPLETED),
        (Exit(code=1), b"", 5, EndReason.FAILED),
        (Exit(signal=25), b"", 5, EndReason.DISK_FULL),
        (Exit(signal=11), b"", 5, EndReason.FAILED),
        (Exit(code=127), b"setpriv: failed to execute train: No such file or directory\n", 5, EndReason.START_FAILED),
        (Exit(code=1), b"bwrap: execvp train: No such file or directory\n", 5, EndReason.START_FAILED),
        (Exit(code=1), b"bwrap: Can't find source path /x: No such file or directory\n", 5, EndReason.START_FAILED),
        (Exit(code=127), b"setpriv: failed to execute train: No such file or directory\n", 60_000, EndReason.FAILED),
        (Exit(code=127), b"sh: 1: train: not found\n", 5, EndReason.FAILED),
        (Exit(code=127), b"setpriv: me\nand more\n", 5, EndReason.FAILED),
    ],
)
def test_judges_ends(end, beginning, lasted_ms, reason):
    found, sentence = judge(end, command="train", disk_limit_mb=1, confined=True, lasted_ms=lasted_ms, beginning=beginning)
    assert EndReason(found) is reason
    assert (sentence == "") == (reason is EndReason.COMPLETED)


def test_without_a_sandbox_no_log_line_makes_a_failed_start():
    line = b"setpriv: failed to execute train\n"
    found, _sentence = judge(Exit(code=127), command="train", disk_limit_mb=1, confined=False, lasted_ms=5, beginning=line)
    assert EndReason(found) is EndReason.FAILED


def test_a_full_disk_is_told_apart():
    assert unprepared(OSError(errno.ENOSPC, "No space left on device"))[0] == EndReason.DISK_FULL
    assert unprepared(OSError(errno.EACCES, "Permission denied")) == (
        EndReason.START_FAILED,
        "The machine could not prepare the run: Permission denied.",
    )
