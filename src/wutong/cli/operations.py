"""`wutong admin reconcile` and `machine`: what operators look at to keep the centre running."""

from datetime import datetime
from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, client
from wutong.sdk import admin, operations


def add(app: typer.Typer) -> None:
    """Put these commands below `wutong admin`."""
    app.command()(reconcile)
    app.command()(machine)


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
