"""Lists come in pages: newest first, after a cursor, never by offset, so that a page costs the same however deep."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from wutong.kit.errors import Invalid

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor that lists what follows (None at the end)."""

    items: list[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `limit` items after the item whose id is `after`."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise Invalid(field="limit", reason=f"Ask for 1 to {MAX_LIMIT} items at a time.")


def cut(items: list[T], request: PageRequest, *, key: str = "id") -> Page[T]:
    """Make a page of `limit` + 1 fetched items: the extra one tells that more follows."""
    kept = items[: request.limit]
    more = len(items) > request.limit
    return Page(kept, str(getattr(kept[-1], key)) if more else None)
