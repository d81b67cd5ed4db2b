"""What an announcement is, and whether a draft of one makes sense. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wutong.kit.errors import Conflict, Invalid

MOST_TITLE = 120
MOST_TEXT = 5000


class Level(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Audience(StrEnum):
    """Who sees it: also visitors, whoever is signed in, or those whose organisation uses a pool."""

    EVERYONE = "everyone"
    SIGNED_IN = "signed_in"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Draft:
    """What an operator wants to announce; without `begins_at` at once, without `ends_at` until it is withdrawn."""

    title_zh: str
    title_en: str
    text_zh: str = ""
    text_en: str = ""
    level: Level = Level.INFO
    audience: Audience = Audience.SIGNED_IN
    pool: str | None = None
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    dismissible: bool = True


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is announced."""

    id: str
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    level: Level
    audience: Audience
    pool: str | None
    dismissible: bool
    begins_at: datetime
    ends_at: datetime | None
    by: str
    made_at: datetime
    withdrawn_at: datetime | None

    def title(self, language: str) -> str:
        """Return the line for readers of a language."""
        return self.title_en if language == "en" else self.title_zh

    def text(self, language: str) -> str:
        """Return the words for readers of a language."""
        return self.text_en if language == "en" else self.text_zh

    def is_current(self, now: datetime) -> bool:
        """Tell whether it is shown at a moment."""
        return self.withdrawn_at is None and self.begins_at <= now and (self.ends_at is None or now < self.ends_at)


class NotDismissible(Conflict):
    """The announcement stays until it is over."""

    code = "not_dismissible"
    message = "This announcement cannot be put away; it is shown until it is over."


def check(draft: Draft, now: datetime) -> None:
    """Refuse a draft that makes no sense. Raises `Invalid`."""
    for language in ("zh", "en"):
        _check_words(getattr(draft, f"title_{language}"), f"title_{language}", 1, MOST_TITLE)
        _check_words(getattr(draft, f"text_{language}"), f"text_{language}", 0, MOST_TEXT)
    if bool(draft.text_zh.strip()) != bool(draft.text_en.strip()):
        raise Invalid(field="text_en", reason="Write the text in both languages, or in neither.")
    if (draft.audience is Audience.POOL) != (draft.pool is not None):
        raise Invalid(field="pool", reason="Name the pool whose users are told, and only then.")
    if draft.ends_at is not None and draft.ends_at <= max(draft.begins_at or now, now):
        raise Invalid(field="ends_at", reason="Name a moment after the beginning that is still to come.")


def _check_words(text: str, field: str, least: int, most: int) -> None:
    if not least <= len(text.strip()) <= most or "\x00" in text:
        raise Invalid(field=field, reason=f"Write {least} to {most} characters.")
