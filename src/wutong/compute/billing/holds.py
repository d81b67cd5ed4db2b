"""Holds of jobs: package seconds first and money for the rest. Starts place them, the settler charges through them, the ladder extends them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.compute.billing import rules
from wutong.compute.billing.rules import BilledJob, Charge
from wutong.compute.billing.store import billed_job
from wutong.compute.billing.tables import BilledJobRow
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind, Captured, InsufficientFunds, Purpose, Transfer, TransferKind


def place(session: Session, job: BilledJob, *, seconds: int, fen: int) -> None:
    """Place a job's holds on package seconds and on money."""
    purpose = purpose_of(job.flavour, job.pool)
    if seconds:
        unit = rules.package_unit(job.accelerator)
        place_one(session, job, key=job.package_hold_key, amount=seconds, unit=unit, purpose=purpose)
    if fen:
        place_one(session, job, key=job.hold_key, amount=fen, unit="fen", purpose=purpose)


def place_one(session: Session, job: BilledJob, *, key: str, amount: int, unit: str, purpose: Purpose) -> None:
    """Place one hold for a job."""
    ledger.place_hold(session, tenant_id=job.tenant_id, key=key, amount=amount, unit=unit, purpose=purpose, cause_kind="job", cause_id=job.job_id)


def purpose_of(flavour: str, pool: str) -> Purpose:
    """Return what a job's holds are for; restricted credits are matched against it."""
    return Purpose("compute", flavour, pool)


def capture(session: Session, job: BilledJobRow, *, key: str, package_seconds: int, amount_fen: int, at: datetime) -> None:
    """Charge a job: seconds out of its package hold, money out of its hold, then free cash, then debt. Keeps count of what is still held."""
    if package_seconds:
        unit = rules.package_unit(job.accelerator)
        to = AccountKey(CENTRE, AccountKind.REVENUE, unit)
        paid = _capture(session, job, rules.package_hold_key(job.job_id), f"{key}:package", package_seconds, at, to)
        job.held_package_s = max(job.held_package_s - paid.from_hold, 0)
    if amount_fen and _has_money_hold(session, job, key, amount_fen, at):
        paid = _capture(session, job, rules.money_hold_key(job.job_id), key, amount_fen, at, None)
        job.held_fen = max(job.held_fen - paid.from_hold, 0)


def charge_of(job: BilledJobRow, *, key: str, amount_fen: int, at: datetime) -> ledger.Usage | None:
    """Return the charge in money for `capture_many`, when the job's hold as we know it has enough for it; else None."""
    if not 0 < amount_fen <= job.held_fen:
        return None
    return ledger.Usage(rules.money_hold_key(job.job_id), key, amount_fen, at, job.job_name or job.job_id, "job", job.job_id)


def _capture(session: Session, job: BilledJobRow, hold: str, key: str, amount: int, at: datetime, to: AccountKey | None) -> Captured:
    memo = job.job_name or job.job_id
    return ledger.capture(session, hold, transfer_key=key, amount=amount, at=at, memo=memo, cause_kind="job", cause_id=job.job_id, to=to)


def _has_money_hold(session: Session, job: BilledJobRow, key: str, amount_fen: int, at: datetime) -> bool:
    """Make sure a charge in money has a hold to go through: a job that packages were to pay for whole has none at first.

    With nothing free at all no hold can be placed; the charge is then posted as debt here, and False is returned.
    """
    hold = rules.money_hold_key(job.job_id)
    if job.held_fen or ledger.find_hold(session, hold):
        return True
    free = ledger.available(session, job.tenant_id, "fen", purpose_of(job.flavour, job.pool))
    if free:
        job.held_fen = min(free, amount_fen)
        place_one(session, billed_job(job), key=hold, amount=job.held_fen, unit="fen", purpose=purpose_of(job.flavour, job.pool))
        return True
    owed, revenue = AccountKey(job.tenant_id, AccountKind.RECEIVABLE), AccountKey(CENTRE, AccountKind.REVENUE)
    memo = job.job_name or job.job_id
    ledger.post(session, [Transfer(key, owed, revenue, amount_fen, "job", job.job_id, memo, at, kind=TransferKind.CHARGE)])
    return False


def let_go(session: Session, jobs: Sequence[BilledJob]) -> None:
    """Release what is still held for jobs; without a hold there is nothing to do."""
    ledger.release_many(session, [key for job in jobs for key in (job.package_hold_key, job.hold_key)])


def take_back(session: Session, charge: Charge, *, reason: str) -> None:
    """Reverse the ledger's entries of a charge."""
    key = charge.transfer_key or charge.id
    if charge.package_seconds:
        ledger.reverse(session, f"{key}:package", new_key=f"{rules.reversal_key(key)}:package", reason=reason, who_name="billing")
    if charge.amount_fen:
        ledger.reverse(session, key, new_key=rules.reversal_key(key), reason=reason, who_name="billing")


def extend(session: Session, job: BilledJobRow, *, card_ms: int, fen_per_card_hour: int) -> bool:
    """Bring a job's holds up to what covers this much card time, package seconds first; what can be had is held even when it is not all of it."""
    purpose = purpose_of(job.flavour, job.pool)
    unit = rules.package_unit(job.accelerator)
    free_s = ledger.available(session, job.tenant_id, unit, purpose)
    seconds, fen = rules.split_hold(card_ms, fen_per_card_hour, job.held_package_s + free_s)
    if seconds > job.held_package_s and _raise_hold(session, job, rules.package_hold_key(job.job_id), seconds, unit):
        job.held_package_s = seconds
    if fen <= job.held_fen:
        return True
    key = rules.money_hold_key(job.job_id)
    if _raise_hold(session, job, key, fen, "fen"):
        job.held_fen = fen
        return True
    part = job.held_fen + ledger.available(session, job.tenant_id, "fen", purpose)
    if job.held_fen < part < fen and _raise_hold(session, job, key, part, "fen"):
        job.held_fen = part
    return False


def _raise_hold(session: Session, job: BilledJobRow, key: str, to_amount: int, unit: str) -> bool:
    try:
        if ledger.find_hold(session, key):
            ledger.extend_hold(session, key, to_amount=to_amount)
        else:
            place_one(session, billed_job(job), key=key, amount=to_amount, unit=unit, purpose=purpose_of(job.flavour, job.pool))
    except InsufficientFunds:
        return False
    return True
