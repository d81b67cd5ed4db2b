"""How figures read on pages: money, card-hours, sizes, durations, times. Pure; the browser puts times into the reader's own zone when it can."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from wutong.web.words import Words

ZONE_COOKIE = "wutong_zone"
DEFAULT_ZONE = "Asia/Shanghai"
SMALLEST_SHOWN = 0.0001
"""Card-hours: about a third of a second on one card."""
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def zone_of(name: str | None) -> ZoneInfo:
    """Return the zone the reader's browser told of, or the centre's."""
    try:
        return ZoneInfo(name or DEFAULT_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(DEFAULT_ZONE)


def card_hours(seconds: float) -> str:
    """Write card-seconds as card-hours, with as many digits as say something: 0.004, 1.25, 1,234."""
    hours = seconds / 3600
    if hours == 0:
        return "0"
    if hours >= 1000:
        return f"{hours:,.0f}"
    if 0 < hours < SMALLEST_SHOWN:
        return f"< {SMALLEST_SHOWN}"
    digits = 2 if hours >= 0.1 else 4
    return f"{hours:.{digits}f}".rstrip("0").rstrip(".")


def size(count: int) -> str:
    """Write bytes with a binary unit: 0 B, 1.5 KiB, 12 GiB."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.3g} {_UNITS[unit]}" if value < 1000 else f"{value:,.0f} {_UNITS[unit]}"


def duration(seconds: float, words: Words) -> str:
    """Write a duration with its two largest units: 2 d 3 h, 5 min 10 s."""
    whole = max(0, round(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(days, "{n} d"), (hours, "{n} h"), (minutes, "{n} min"), (left, "{n} s")]
    first = next((at for at, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(words.say(unit, n=number) for number, unit in parts[first : first + 2] if number or unit == parts[first][1])


def moment(when: datetime | None, zone: ZoneInfo, style: str = "relative") -> Markup:
    """Write a moment as a `time` element: absolute in the reader's zone, which a script turns into what `style` says (relative, datetime, date)."""
    if when is None:
        return Markup("—")
    local = when.astimezone(zone)
    exact = when if when.tzinfo is UTC else when.astimezone(UTC)
    full = f"{local.replace(tzinfo=None).isoformat(' ', 'seconds')} {local.tzname()}"
    shown = full[:10] if style == "date" else full[:16]
    # A page has hundreds of these: `strftime` takes three times as long as `isoformat`, and `Markup.format` eight times as long as this.
    told = f'{exact.replace(tzinfo=None).isoformat(timespec="seconds")}Z" data-style="{style}" title="{full}'
    return Markup(f'<time datetime="{told}">{shown}</time>')  # noqa: S704 - digits, the zone's name and a word of a template
