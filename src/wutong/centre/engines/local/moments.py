"""Moments as whole milliseconds, which add up exactly. Light (see `processes`)."""

import time


def now_ms() -> int:
    """Return the present moment since the epoch."""
    from wutong.kit import clock

    return round(clock.now().timestamp() * 1000)


def monotonic_ms() -> int:
    """Return milliseconds that never go back, common to all processes of one boot."""
    return time.monotonic_ns() // 1_000_000
