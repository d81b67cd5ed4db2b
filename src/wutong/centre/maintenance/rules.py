"""What a maintenance window is, which wishes follow for the engines, and what it means for a job that is about to be submitted. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from wutong.kit.errors import Conflict, Invalid, NotFound

LONGEST = timedelta(days=30)
FARTHEST = timedelta(days=365)
_ZONE = ZoneInfo("Asia/Shanghai")


class WindowState(StrEnum):
    """Where a window stands."""

    ANNOUNCED = "announced"
    UNDER_WAY = "under_way"
    OVER = "over"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which machines of a pool are kept free: `nodes`, or all where none is named.

    `kept_at` is since when the engine keeps them free, `problem` why it does not; `drained` tells that we closed the pool for it.
    """

    id: str
    pool: str
    nodes: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime
    reason: str
    by: str
    announced_at: datetime
    cancelled_at: datetime | None = None
    kept_at: datetime | None = None
    problem: str = ""
    drained: bool = False

    def state(self, now: datetime) -> WindowState:
        """Return where it stands at a moment."""
        if self.cancelled_at is not None:
            return WindowState.CANCELLED
        if now >= self.ends_at:
            return WindowState.OVER
        return WindowState.UNDER_WAY if now >= self.begins_at else WindowState.ANNOUNCED

    def is_wanted(self, now: datetime) -> bool:
        """Tell whether machines are, or will be, kept free."""
        return self.state(now) in {WindowState.ANNOUNCED, WindowState.UNDER_WAY}


class NoSuchWindow(NotFound):
    """No maintenance window has this id."""

    code = "no_such_maintenance"
    message = "There is no maintenance {id}. `wutong admin maintenance ls` lists them."


class WindowOver(Conflict):
    """What is over or cancelled cannot be cancelled."""

    code = "maintenance_over"
    message = "Maintenance {id} is {state} and cannot be cancelled."


def check_times(begins_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Refuse times that make no window. Raises `Invalid`."""
    if ends_at <= max(begins_at, now):
        raise Invalid(field="ends_at", reason="Name a moment after the beginning that is still to come.")
    if ends_at - begins_at > LONGEST:
        raise Invalid(field="ends_at", reason=f"Announce at most {LONGEST.days} days at a time.")
    if begins_at > now + FARTHEST:
        raise Invalid(field="begins_at", reason=f"Announce at most {FARTHEST.days} days ahead.")


def advice(windows: Iterable[Window], fitting: Sequence[str], *, nodes: int, time_limit_s: int, now: datetime) -> str | None:
    """Return the sentence for a job that the next maintenance would keep waiting, with what would work; None when none does.

    `fitting` names the machines that a job of this flavour fits. While enough of them are in no window the job runs into none.
    """
    for window in sorted((each for each in windows if each.is_wanted(now)), key=lambda each: each.begins_at):
        kept = set(window.nodes) or set(fitting)
        if len([name for name in fitting if name not in kept]) >= nodes or now + timedelta(seconds=time_limit_s) <= window.begins_at:
            continue
        return _sentence(window, time_limit_s, now)
    return None


def _sentence(window: Window, time_limit_s: int, now: datetime) -> str:
    times = f"from {_said(window.begins_at)} to {_said(window.ends_at)}"
    left_s = int((window.begins_at - now).total_seconds())
    what = f"Machines of pool {window.pool} are in maintenance {times} ({window.reason})."
    if left_s < 60:
        return f"{what} This job can start when it is over."
    return (
        f"{what} With a time limit of {_length(time_limit_s)} this job can start only after it; with less than {_length(left_s)} it may run before."
    )


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(_ZONE):%Y-%m-%d %H:%M}"


def _length(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes} min" if hours and minutes else f"{hours} h" if hours else f"{minutes} min"
