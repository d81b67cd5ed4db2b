"""SQL of batches of holds: database functions (in the migration) that do in one round trip what needs no thought, and name the rest."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.kit import clock

_CAPTURE = text("SELECT ledger_capture_many(:now, CAST(:rows AS jsonb))")
_RELEASE = text("SELECT ledger_release_many(:now, :keys)")


def capture_many(session: Session, rows: Sequence[dict[str, Any]]) -> set[int]:
    """Charge holds of cash that have enough; returns the numbers (`n`) of the rows that were posted."""
    return set(session.execute(_CAPTURE, {"now": clock.now(), "rows": json.dumps(rows)}).scalar_one() or ())


def release_many(session: Session, keys: Sequence[str]) -> list[str]:
    """Let go of holds whose organisation owes nothing; returns the keys of those that are still open."""
    return session.execute(_RELEASE, {"now": clock.now(), "keys": list(keys)}).scalar_one() or []
