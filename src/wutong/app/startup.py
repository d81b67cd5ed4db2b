"""A quick start: a thousand modules are imported before a process of ours does anything."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Collect no garbage during the imports of the block, since hardly any arises, and never look through what they left again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
