"""`wutong forecast` and `wutong plan`: how good forecasts of starts are, and what other machines would have done; and starts and waits in words."""

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from wutong.cli import show
from wutong.cli.common import Json, checked, client
from wutong.cli.operations import percent
from wutong.cli.show import Stop
from wutong.sdk import forecast
from wutong.sdk.forecast import OrderName, Planned, PlanWaits
from wutong.sdk.jobs import Job

Weight = Annotated[float | None, typer.Option(help="Its weight in the priority, as in Slurm.")]


def start_in_words(job: Job) -> str | None:
    """Say when a queued job starts: `starts in about 12 min (90 % within 40 min)`; None while nobody knows."""
    if job.expected_start is None:
        return None
    now = time.time()
    bound = None if job.expected_start_bound is None else job.expected_start_bound.timestamp() - now
    return wait_in_words(job.expected_start.timestamp() - now, bound)


def wait_in_words(wait_s: float, bound_s: float | None) -> str:
    """Say when something starts that waits so long; `bound_s` is the time within which nine in ten start."""
    if bound_s is not None and bound_s < 60:
        return "starts at once"
    soon = "starts in less than a minute" if wait_s < 60 else f"starts in about {about(wait_s)}"
    return soon if bound_s is None else f"{soon} (90 % within {about(bound_s)})"


def wait_in_short(wait_s: float | None, bound_s: float | None) -> str:
    """Write a wait for a table: `12 min (90 % 40 min)`, `-` while nobody knows."""
    if wait_s is None:
        return "-"
    if bound_s is not None and bound_s < 60:
        return "none"
    return about(wait_s) if bound_s is None else f"{about(wait_s)} (90 % {about(bound_s)})"


def about(seconds: float) -> str:
    """Write a duration as finely as one can know it: `12 min`, `3 h`, `2.5 h`, `4 days`."""
    if seconds < 60:
        return "1 min"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * 3600:
        hours = seconds / 3600
        return f"{round(hours)} h" if hours >= 10 else f"{round(hours * 2) / 2:g} h"
    return f"{round(seconds / 86_400 * 2) / 2:g} days"


def accuracy(
    days: Annotated[int, typer.Option(help="Over how many days.", min=1, max=90)] = 30,
    as_json: Json = False,
) -> None:
    """Show how good forecasts of starts were: by how much the middle one was wrong, and how many started by the time that nine in ten should."""
    with client() as centre:
        found = forecast.list_accuracy(centre, days=days)
    rows = [(f.pool, f"{f.jobs:,}", show.duration(f.median_error_s), f"{f.foretold:,}", percent(f.coverage)) for f in found]
    columns = ("POOL", ">WAITED", ">MEDIAN ERROR", ">FORETOLD TO", ">STARTED BY THE BOUND")
    show.listing(found, columns, rows, empty="No job has waited in that time.", as_json=as_json)


def plan(  # noqa: PLR0917 typer makes options of parameters
    pool: Annotated[str | None, typer.Argument(help="Pool whose jobs are replayed; `wutong admin pools` lists them.", show_default=False)] = None,
    nodes: Annotated[int, typer.Option(help="So many more machines of the pool's largest size; fewer below 0.")] = 0,
    cards: Annotated[int, typer.Option(help="So many more cards; fewer below 0.")] = 0,
    begin: Annotated[datetime | None, typer.Option("--from", help="Jobs submitted from then; 30 days before the end by default.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="And before then; now by default.")] = None,
    order_now: Annotated[OrderName | None, typer.Option(help="How the queue goes at present; `priority` for a pool, `easy` for a log.")] = None,
    order: Annotated[OrderName | None, typer.Option(help="How it might go.")] = None,
    fair_share: Weight = None,
    age: Weight = None,
    qos: Weight = None,
    half_life: Annotated[float | None, typer.Option(help="Days after which half of what was used is forgotten.")] = None,
    share: Annotated[list[str] | None, typer.Option(help="TENANT=weight in the fair share, 1 for who is not named. Repeatable.")] = None,
    log: Annotated[Path | None, typer.Option(help="Replay this log in Standard Workload Format instead of a pool's jobs.")] = None,
    log_cards: Annotated[int, typer.Option(help="Cards of the machine of the log; what it names by default.", min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Replay what was submitted, as it is and as it might be: with other machines, order, weights or shares. It changes nothing."""
    if (pool is None) == (log is None):
        raise Stop("Name a pool, or a log with --log.")
    fields: dict[str, Any] = {"more_cards": cards, "order_now": order_now or ("priority" if log is None else "easy"), "order": order}
    fields |= {"fair_share_weight": fair_share, "age_weight": age, "qos_weight": qos, "half_life_days": half_life}
    with client(timeout_s=300) as centre, show.err.status("The jobs are being replayed"):
        if log is not None:
            if nodes or share or begin or end:
                raise Stop("--nodes, --share, --from and --to are for a pool; say --cards for a log.")
            found = forecast.plan_log(centre, log, checked(forecast.PlanLogRequest, {**fields, "name": log.name, "cards": log_cards}))
        else:
            fields |= {"pool": pool, "more_nodes": nodes, "shares": dict(weight(text) for text in share or [])}
            fields |= {"begin": begin and begin.astimezone(), "end": end and end.astimezone()}
            found = forecast.plan(centre, checked(forecast.PlanRequest, fields))
    if as_json:
        show.print_json(found)
    else:
        print_plan(found)


def weight(text: str) -> tuple[str, float]:
    """Read TENANT=weight."""
    tenant, _, value = text.rpartition("=")
    try:
        return tenant, float(value)
    except ValueError:
        raise Stop(f"--share {text}: write it as TENANT=weight, such as tnt_1=2.") from None


def print_plan(found: Planned) -> None:
    """Print what was replayed side by side."""
    show.out.print(f"{show.cell(found.name)}: {found.jobs:,} jobs submitted from {show.cell(found.begin)} to {show.cell(found.end)}")
    kinds = [("as recorded", found.cards_now, found.recorded), ("replayed as it is", found.cards_now, found.now)]
    kinds.append(("with the change", found.cards_then, found.then))
    rows = [plan_row(name, cards, waits) for name, cards, waits in kinds if waits is not None]
    columns = ("", ">CARDS", ">MEAN WAIT", ">MEDIAN", ">P90", ">SLOWDOWN", ">IN USE", "?>TOO WIDE")
    show.table(columns, rows, empty="")
    if found.tenants:
        show.out.print()
        tenants = [
            (t.tenant or "-", f"{t.jobs:,}", f"{t.card_hours:,.0f}", show.duration(t.now_mean_s), show.duration(t.then_mean_s)) for t in found.tenants
        ]
        show.table(("TENANT", ">JOBS", ">CARD-HOURS", ">MEAN WAIT NOW", ">THEN"), tenants, empty="")


def plan_row(name: str, cards: int, waits: PlanWaits) -> tuple[str, ...]:
    """Write how jobs fared."""
    times = [show.duration(seconds) for seconds in (waits.mean_s, waits.median_s, waits.p90_s)]
    return (name, f"{cards:,}", *times, f"{waits.slowdown:,.1f}", percent(waits.utilisation), str(waits.impossible or ""))
