"""What a line of the trail changed, put side by side for a page. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from wutong.identity.rules import AuditEntry
from wutong.kit.money import format_fen


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a thing before and after; None where it was or is not."""

    field: str
    before: str | None
    after: str | None


def changes_of(entry: AuditEntry) -> list[Change]:
    """Put before and after side by side, only what differs."""
    before, after = entry.before or {}, entry.after or {}
    names = [*before, *(name for name in after if name not in before)]
    return [Change(name, _written(before.get(name), name), _written(after.get(name), name)) for name in names if before.get(name) != after.get(name)]


def _written(value: Any, name: str) -> str | None:
    if value is None:
        return None
    if name.endswith("_fen") and isinstance(value, int):
        return format_fen(value)
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
