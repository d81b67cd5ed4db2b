"""SQL of billing about the start of jobs: what a start is checked against, and the rows it leaves. One statement each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.compute.billing.rules import BilledJob
from wutong.compute.budgets.rules import EVERYBODY, Budget
from wutong.compute.catalogue.rules import Price
from wutong.kit import clock

_TERMS = text("""
    SELECT p.id, p.fen_per_card_hour, p.valid_from, (
        SELECT jsonb_agg(jsonb_build_array(b.person_id, b.limit_fen, coalesce(s.amount_fen, 0)) ORDER BY b.person_id)
        FROM compute_budget b
        LEFT JOIN compute_spend s ON s.tenant_id = b.tenant_id AND s.person_id = b.person_id AND s.month = :month
        WHERE b.tenant_id = :tenant AND b.person_id IN (:everybody, :person)) AS budgets
    FROM compute_price p WHERE p.flavour = :flavour AND p.valid_from <= :at ORDER BY p.valid_from DESC LIMIT 1""")

_ADD = text("""
    WITH job AS (
        INSERT INTO compute_billed_job (job_id, job_name, tenant_id, person_id, flavour, pool, accelerator, cards, time_limit_s, hold_s, held_fen,
            held_package_s, checkpoint_signal, stage, created_at)
        SELECT unnest(CAST(:ids AS text[])), :job_name, :tenant_id, :person_id, :flavour, :pool, :accelerator, :cards, :time_limit_s, :hold_s,
            :held_fen, :held_package_s, :checkpoint_signal, 'fine', CAST(:now AS timestamptz)
        ON CONFLICT DO NOTHING RETURNING job_id),
    run AS (
        INSERT INTO compute_billed_run (run_name, job_id, tenant_id, flavour, attempt, card_ms, package_seconds, package_carry_ms, units, amount_fen,
            final_restart, fault, created_at)
        SELECT r.name, job.job_id, :tenant_id, :flavour, 1, 0, 0, 0, 0, 0, -1, false, CAST(:now AS timestamptz)
        FROM job, (SELECT CAST(:run_name AS text) AS name) AS r WHERE r.name IS NOT NULL
        ON CONFLICT DO NOTHING)
    SELECT job_id FROM job""")

_SET_HELD = text("UPDATE compute_billed_job SET held_fen = :fen, held_package_s = :seconds WHERE job_id = :id")
_FIXED = ("job_name", "tenant_id", "person_id", "flavour", "pool", "accelerator", "cards", "time_limit_s", "hold_s", "held_fen", "held_package_s")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a start is checked against: the price in force, and the budgets it counts against."""

    price: Price
    budgets: tuple[Budget, ...]


def find_terms(session: Session, *, flavour: str, tenant_id: str, person_id: str, at: datetime, month: str) -> Terms | None:
    """Read price and budgets; None without a price."""
    values = {"flavour": flavour, "tenant": tenant_id, "person": person_id, "everybody": EVERYBODY, "at": at, "month": month}
    row = session.execute(_TERMS, values).first()
    if row is None:
        return None
    budgets = tuple(Budget(tenant_id, person or None, limit_fen, spent_fen, month) for person, limit_fen, spent_fen in row.budgets or ())
    return Terms(Price(row.id, flavour, row.fen_per_card_hour, row.valid_from), budgets)


def add_jobs(session: Session, job: BilledJob, ids: Sequence[str], run_name: str | None) -> list[str]:
    """Write down jobs that differ only in their ids, and the first attempt of a single one; returns those that were not there yet."""
    values = {name: getattr(job, name) for name in _FIXED}
    more = {"ids": list(ids), "run_name": run_name, "checkpoint_signal": job.checkpoint_signal, "now": clock.now()}
    return list(session.scalars(_ADD, {**values, **more}))


def set_held(session: Session, job_id: str, *, fen: int, package_s: int) -> None:
    """Correct what is held for a job that was just written down."""
    session.execute(_SET_HELD, {"id": job_id, "fen": fen, "seconds": package_s})
