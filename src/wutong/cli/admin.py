"""`wutong admin`: what the centre's own people do."""

from datetime import datetime
from typing import Annotated, Any

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, client
from wutong.cli.money import fen
from wutong.cli.show import yuan
from wutong.sdk import admin, identity

app = typer.Typer(help="What the centre's own people do.", no_args_is_help=True)


@app.command()
def topup(
    tenant: Annotated[str, typer.Argument(help="Id of the tenant.")],
    amount: Annotated[str, typer.Argument(help="Yuan that arrived.")],
    reference: Annotated[str, typer.Option(help="The bank's reference; each counts once.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Record money that arrived by bank transfer."""
    show.confirm(f"Record {yuan(fen(amount))} for {tenant}, reference {reference}?", yes=yes)
    with client() as centre:
        made = admin.top_up(centre, tenant_id=tenant, amount_fen=fen(amount), reference=reference)
    if as_json:
        show.as_json(made)
    else:
        show.out.print(f"{yuan(made.amount_fen)} recorded for {show.cell(made.tenant_id)}.")


@app.command()
def tenants(
    search: Annotated[str, typer.Option(help="Part of a name, a credit code, or an id.")] = "",
    as_json: Json = False,
) -> None:
    """List tenants."""
    with client() as centre:
        found = list(identity.list_tenants(centre, search))
    if as_json:
        show.as_json(found)
        return
    rows = [(t.id, t.name, t.credit_code, t.state, t.created_at) for t in found]
    show.table(("ID", "NAME", "CREDIT CODE", "STATE", "SINCE"), rows, empty="No tenants yet.")


@app.command()
def price(
    flavour: Annotated[str, typer.Argument(help="Flavour.")],
    amount: Annotated[str, typer.Argument(help="Yuan for a card-hour.")],
    valid_from: Annotated[datetime | None, typer.Option("--from", help="When it begins; now by default.")] = None,
    as_json: Json = False,
) -> None:
    """Set a price from a moment on. What happened before keeps its price."""
    with client() as centre:
        made = admin.set_price(centre, flavour=flavour, fen_per_card_hour=fen(amount), valid_from=valid_from.astimezone() if valid_from else None)
    if as_json:
        show.as_json(made)
    else:
        show.out.print(f"A card-hour of {show.cell(made.flavour)} costs {yuan(made.fen_per_card_hour)} from {show.cell(made.valid_from)}.")


@app.command()
def pools(as_json: Json = False) -> None:
    """List pools and how busy they are."""
    with client() as centre:
        found, capacity = admin.list_pools(centre), admin.get_capacity(centre)
    if as_json:
        show.as_json({"pools": [p.model_dump(mode="json") for p in found], "capacity": capacity.model_dump(mode="json")})
        return
    rows = [(p.name, p.engine, p.accelerator, p.state, p.description) for p in found]
    show.table(("POOL", "ENGINE", "ACCELERATOR", "STATE", ""), rows, empty="No pools yet.")
    show.out.print(f"{capacity.busy_cards} of {capacity.cards} cards busy, {capacity.busy_pflops:g} of {capacity.pflops:g} PFLOPS")


@app.command()
def nodes(as_json: Json = False) -> None:
    """List machines."""
    with client() as centre:
        found = admin.list_nodes(centre)
    if as_json:
        show.as_json(found)
        return
    rows = [(n.name, n.pool, n.state, n.cards, n.cpus, show.size(n.memory_mb * 2**20)) for n in found]
    show.table(("NODE", "POOL", "STATE", ">CARDS", ">CPUS", ">MEMORY"), rows, empty="No machines yet.")


@app.command("ledger-check")
def ledger_check(as_json: Json = False) -> None:
    """Check every book: sums, cached balances, holds, reversals."""
    with client() as centre:
        found = admin.ledger_check(centre)
    if as_json:
        show.as_json(found)
    else:
        for problem in found.problems:
            show.out.print(f"[red]{show.cell(problem)}[/red]")
        verdict = "every fen is accounted for" if not found.problems else f"{len(found.problems)} problems"
        show.out.print(f"{found.accounts} accounts, {found.transfers} transfers: {verdict}")
    if found.problems:
        raise typer.Exit(1)


@app.command()
def audit(
    most: Annotated[int, typer.Option("--limit", "-n", help="How many rows at most, newest first.")] = 30,
    as_json: Json = False,
) -> None:
    """Show who did what, when, from where."""
    with client() as centre:
        found = list(identity.list_audit(centre, most=most))
    if as_json:
        show.as_json(found)
        return
    rows: list[tuple[Any, ...]] = [(a.at, a.person_name, a.action, f"{a.kind} {a.object_id}", a.address) for a in found]
    show.table(("WHEN", "WHO", "DID", "TO", "FROM"), rows, empty="Nothing yet.")
