"""What a start costs the tenant at once: jobs are written down with billing, and what their first time needs is held, or the start is refused."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Flavour
from wutong.compute.billing import rules, start_store
from wutong.compute.billing.holds import place, purpose_of
from wutong.compute.billing.rules import HOLD_SECONDS, BilledJob, HoldResult
from wutong.compute.billing.start_store import Terms
from wutong.compute.budgets import rules as budgets
from wutong.compute.catalogue.rules import NoPrice
from wutong.kit.together import once
from wutong.ledger import service as ledger


def hold_for_job(
    session: Session,
    *,
    tenant_id: str,
    person_id: str,
    job_id: str,
    flavour: Flavour | str,
    cards: int,
    time_limit_s: int,
    at: datetime,
    hold_s: int = HOLD_SECONDS,
    job_name: str = "",
    checkpoint_signal: str | None = None,
) -> HoldResult:
    """Register one job with billing and hold what it needs: `hold_for_jobs` for one."""
    chosen = centre.get_flavour(session, flavour) if isinstance(flavour, str) else flavour
    about = {"tenant_id": tenant_id, "person_id": person_id, "job_name": job_name, "checkpoint_signal": checkpoint_signal}
    sizes = {"cards": cards, "time_limit_s": time_limit_s, "hold_s": hold_s}
    return hold_for_jobs(session, [job_id], flavour=chosen, at=at, **about, **sizes)[0]  # type: ignore[arg-type]


def hold_for_jobs(
    session: Session,
    job_ids: Sequence[str],
    *,
    tenant_id: str,
    person_id: str,
    flavour: Flavour,
    cards: int,
    time_limit_s: int,
    at: datetime,
    hold_s: int = HOLD_SECONDS,
    job_name: str = "",
    checkpoint_signal: str | None = None,
    run_name: str | None = None,
) -> list[HoldResult]:
    """Register jobs that differ only in their ids, and hold for each what its first `hold_s` seconds need (less with a shorter time limit).

    `cards` counts all nodes of one job together; `run_name` is the first attempt of a single job, when it is requested at once. Budgets are
    checked, then package seconds are held, then money, so that the tenant's balance is locked last. Raises `NoPrice`, `BudgetExceeded`,
    `InsufficientFunds`. Called again for the same job, it holds nothing more.
    """
    terms = _terms(session, flavour.name, tenant_id, person_id, at)
    job = BilledJob(
        job_id="",
        job_name=job_name,
        tenant_id=tenant_id,
        person_id=person_id,
        flavour=flavour.name,
        pool=flavour.pool,
        accelerator=flavour.accelerator,
        cards=cards,
        time_limit_s=time_limit_s,
        hold_s=hold_s,
        held_fen=rules.split_hold(_covered_s(time_limit_s, hold_s) * 1000 * cards, terms.price.fen_per_card_hour, 0)[1],
        held_package_s=0,
        checkpoint_signal=checkpoint_signal,
        settled_at=None,
    )
    new = start_store.add_jobs(session, job, job_ids, run_name)
    done = _hold_cash(session, job, new, terms)
    return [_hold_closely(session, replace(job, job_id=each), terms, new=each in new) if each not in done else done[each] for each in job_ids]


def _terms(session: Session, flavour: str, tenant_id: str, person_id: str, at: datetime) -> Terms:
    month = budgets.month_of(at)
    terms = once(
        session,
        ("terms", flavour, tenant_id, person_id, month),
        lambda: start_store.find_terms(session, flavour=flavour, tenant_id=tenant_id, person_id=person_id, at=at, month=month),
    )
    if terms is None:
        raise NoPrice(flavour=flavour, at=at.isoformat(timespec="seconds"))
    return terms


def _covered_s(time_limit_s: int, hold_s: int) -> int:
    return min(time_limit_s, hold_s)


def _hold_cash(session: Session, job: BilledJob, job_ids: Sequence[str], terms: Terms) -> dict[str, HoldResult]:
    """Hold plain cash for jobs of tenants that have nothing else, in one round trip; returns those for which that was all."""
    if not job.held_fen or budgets.refusal(terms.budgets, job.held_fen) is not None:
        return {}
    causes = {rules.money_hold_key(job_id): job_id for job_id in job_ids}
    placed = ledger.place_cash_holds(
        session,
        tenant_id=job.tenant_id,
        causes=causes,
        amount=job.held_fen,
        purpose=purpose_of(job.flavour, job.pool),
        cause_kind="job",
        beside=(rules.package_unit(job.accelerator),),
    )
    covers_s = _covered_s(job.time_limit_s, job.hold_s)
    return {causes[key]: HoldResult(causes[key], job.held_fen, 0, covers_s, terms.price.id) for key in placed}


def _hold_closely(session: Session, job: BilledJob, terms: Terms, *, new: bool) -> HoldResult:
    """Hold for one job out of whatever may pay: package seconds, credits, cash."""
    covers_s = _covered_s(job.time_limit_s, job.hold_s)
    free_s = ledger.available(session, job.tenant_id, rules.package_unit(job.accelerator), purpose_of(job.flavour, job.pool))
    seconds, fen = rules.split_hold(covers_s * 1000 * job.cards, terms.price.fen_per_card_hour, free_s)
    refused = budgets.refusal(terms.budgets, fen)
    if refused is not None:
        raise refused
    if new:
        if (fen, seconds) != (job.held_fen, job.held_package_s):
            start_store.set_held(session, job.job_id, fen=fen, package_s=seconds)
        place(session, job, seconds=seconds, fen=fen)
    return HoldResult(job.job_id, fen, seconds, covers_s, terms.price.id)
