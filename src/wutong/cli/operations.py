"""`wutong admin reconcile`, `machine`, `utilisation` and `maintenance`: what operators look at to keep the centre running."""

from datetime import datetime
from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, checked, client
from wutong.sdk import admin, operations
from wutong.sdk.operations import ByName, ForeignStart, GroupName, Maintenance

BAR = 30

maintenance = typer.Typer(help="Times in which machines are kept free of jobs.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Put these commands below `wutong admin`."""
    app.command()(reconcile)
    app.command()(machine)
    app.command()(utilisation)
    app.command("foreign")(foreign)
    app.add_typer(maintenance, name="maintenance")


def reconcile(
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Compare this day now.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Compare today, up to two minutes ago.")] = False,
    as_json: Json = False,
) -> None:
    """Show how usage compares with the clusters' own accounts, and every run on which they differ. It fails where any does.

    Each day is compared by itself after it has ended.
    """
    with client() as centre:
        fresh = day is not None or now
        found = operations.compare_day(centre, day.date() if day else None) if fresh else operations.list_comparisons(centre)
    rows = [
        (c.day, c.engine, c.runs, c.starts, show.card_hours(c.our_card_ms / 1000), show.card_hours(c.their_card_ms / 1000), c.differences)
        for c in found
    ]
    columns = ("DAY", "ENGINE", ">RUNS", "?>STARTS", ">OURS", ">THEIRS", ">DIFFER")
    show.listing(found, columns, rows, empty="Nothing has been compared yet.", as_json=as_json)
    if not as_json:
        for difference in (row for comparison in found for row in comparison.rows):
            show.out.print(f"[red]{show.cell(difference.run_name)}[/red] {show.cell(difference.kind.replace('_', ' '))}")
            show.out.print(f"  ours: {show.cell(difference.ours or '-')}\n  theirs: {show.cell(difference.theirs or '-')}")
    if any(comparison.differences for comparison in found):
        raise typer.Exit(1)


def machine(
    pool: Annotated[str, typer.Argument(help="Pool of the machine.")],
    name: Annotated[str, typer.Argument(help="Name of the machine; `wutong admin nodes` lists them.")],
    most: Annotated[int, typer.Option("--limit", "-n", help="How many lines of its history.", min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """Show a machine: its state, the reason, and what happened to it, the latest first."""
    with client() as centre:
        found = next((node for node in admin.list_nodes(centre) if (node.pool, node.name) == (pool, name)), None)
        if found is None:
            raise show.Stop(f"There is no machine {name} in pool {pool}. `wutong admin nodes` lists them.")
        events = operations.list_node_events(centre, pool, name, limit=most)
    if as_json:
        show.print_json({"node": found.model_dump(mode="json"), "history": [event.model_dump(mode="json") for event in events]})
        return
    size = f"{found.cards} cards, {found.cpus} CPUs, {show.size(found.memory_mb * 2**20)}"
    show.facts([("machine", f"{found.pool}/{found.name}"), ("state", found.state), ("reason", found.reason), ("size", size)])
    rows = [(event.at, event.state, event.reason, event.by) for event in events]
    show.table(("WHEN", "STATE", "REASON", "?BY"), rows, empty="Nothing has happened to it yet.")


def utilisation(
    group: Annotated[GroupName, typer.Argument(help="What the figures are for.")] = "pool",
    by: Annotated[ByName, typer.Option(help="How long each slot is; days are those of Asia/Shanghai.")] = "hour",
    begin: Annotated[datetime | None, typer.Option("--from", help="From when; a day ago by default.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Until when; now by default.")] = None,
    as_json: Json = False,
) -> None:
    """Show how much of the centre's card time was in use. For tenants the share is of the whole centre."""
    first, last = (moment.astimezone() if moment else None for moment in (begin, end))
    with client() as centre:
        found = operations.list_utilisation(centre, begin=first, end=last, by=by, group=group)
    rows = [(u.at, u.key, hours(u.card_ms), hours(u.capacity_card_ms), percent(u.share), bar(u.share)) for u in found]
    columns = ("FROM", group.upper(), ">CARD-HOURS", "?>OF", ">SHARE", "?")
    show.listing(found, columns, rows, empty="Nothing has been used in that time.", as_json=as_json)


def hours(card_ms: int) -> str:
    """Write card time in hours."""
    return f"{card_ms / 3_600_000:,.1f}"


def percent(share: float | None) -> str:
    """Write a share, `-` where there was nothing to share."""
    return "-" if share is None else f"{share * 100:.1f} %"


def bar(share: float | None) -> str:
    """Draw a share as a bar."""
    full, rest = divmod(round(min(share or 0.0, 1.0) * BAR * 8), 8)
    return "█" * full + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]


def foreign(
    most: Annotated[int, typer.Option("--limit", "-n", help="How many at most, the latest first.", min=1, max=1000)] = 30,
    as_json: Json = False,
) -> None:
    """List what ran on clusters without being submitted here, and whether somebody pays for it."""
    with client() as centre:
        found = operations.list_foreign(centre, limit=most)
    rows = [(f.ended_at, f.engine, f.job, f.job_name, f.account, f.tenant, f.cards, length(f), paid(f)) for f in found]
    columns = ("ENDED", "ENGINE", "JOB", "?NAME", "ACCOUNT", "?TENANT", ">CARDS", ">TIME", "PAID")
    show.listing(found, columns, rows, empty="Nobody has used a cluster directly.", as_json=as_json)


def length(start: ForeignStart) -> str:
    """Write how long a start took."""
    return show.duration((start.ended_at - start.started_at).total_seconds())


def paid(start: ForeignStart) -> str:
    """Say whether a start is billed, or why not."""
    if start.is_billable:
        return "billed"
    return "no: it has the name of a run of ours" if start.disputed else "no: no tenant's account" if start.tenant is None else "no: no such pool"


@maintenance.command("ls")
def list_windows(as_json: Json = False) -> None:
    """List all maintenance, the latest first."""
    with client() as centre:
        found = operations.list_all_maintenance(centre)
    rows = [(m.id, m.pool, ", ".join(m.nodes) or "all", m.begins_at, m.ends_at, m.state, standing(m), m.reason) for m in found]
    columns = ("ID", "POOL", "?MACHINES", "FROM", "TO", "STATE", "?", "?REASON")
    show.listing(found, columns, rows, empty="No maintenance was ever announced.", as_json=as_json)


def standing(window: Maintenance) -> str:
    """Say whether the machines are being kept free, or why not."""
    return window.problem or ("kept free" if window.kept_at else "")


@maintenance.command("announce")
def announce(
    pool: Annotated[str, typer.Argument(help="Pool; `wutong admin pools` lists them.")],
    begin: Annotated[datetime, typer.Option("--from", help="When it begins, in this machine's time.")],
    end: Annotated[datetime, typer.Option("--to", help="When it ends.")],
    reason: Annotated[str, typer.Option(help="What tenants are told.")],
    node: Annotated[list[str] | None, typer.Option(help="Only this machine; may be repeated.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Announce that machines are kept free. No job starts there that would not end before; what runs is left alone."""
    fields = {"pool": pool, "begins_at": begin.astimezone(), "ends_at": end.astimezone(), "reason": reason, "nodes": node or []}
    body = checked(operations.MaintenanceRequest, fields)
    show.confirm(f"Tell every tenant that {', '.join(node or []) or 'all machines'} of {pool} are in maintenance from {begin} to {end}?", yes=yes)
    with client() as centre:
        made = operations.announce_maintenance(centre, body)
    show.outcome(made, f"{made.id} is announced for {show.cell(made.begins_at)} to {show.cell(made.ends_at)}.", as_json=as_json)


@maintenance.command("cancel")
def cancel(
    maintenance_id: Annotated[str, typer.Argument(help="Id; `wutong admin maintenance ls` lists them.")],
    yes: Yes = False,
) -> None:
    """Take an announcement back, or end a maintenance early."""
    show.confirm(f"Cancel maintenance {maintenance_id}?", yes=yes)
    with client() as centre:
        operations.cancel_maintenance(centre, maintenance_id)
    show.out.print(f"{show.cell(maintenance_id)} is cancelled.")
