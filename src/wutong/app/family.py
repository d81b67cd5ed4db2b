"""Ties a process's life to its parent's: what the supervisor starts ends with it, even when it is killed with no chance to say so."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int | None) -> None:
    """Ask the kernel to kill us when the parent dies; exit at once when it has died already. None changes nothing.

    SIGKILL, because the next supervisor starts our successor right away and every process of ours may be killed at any instruction.
    """
    if parent is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
