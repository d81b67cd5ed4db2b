"""Moments as whole milliseconds, which add up exactly."""

from wutong.kit import clock


def now_ms() -> int:
    """Return the present moment since the epoch."""
    return round(clock.now().timestamp() * 1000)


def monotonic_ms() -> int:
    """Return milliseconds that never go back, common to all processes of one boot."""
    return round(clock.monotonic() * 1000)
