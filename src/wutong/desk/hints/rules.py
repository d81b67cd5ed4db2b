"""Which hints there are. Pure."""

from enum import StrEnum


class Hint(StrEnum):
    """What the portal offers until somebody has had enough of it."""

    FIRST_STEPS = "first_steps"
