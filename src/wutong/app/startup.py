"""A quick start: a thousand modules are imported before a process of ours does anything."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG, OLD, OLDEST = 20_000, 10, 50
"""How many objects arise before the collector looks: a page leaves some thousand, and nearly all of them go by themselves."""


def collect_seldom() -> None:
    """Have the collector look less often, in a process that answers people: each look through all that lives holds up an answer by 10 ms."""
    gc.set_threshold(YOUNG, OLD, OLDEST)


@contextmanager
def importing() -> Iterator[None]:
    """Collect no garbage during the imports of the block, since hardly any arises, and never look through what they left again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
