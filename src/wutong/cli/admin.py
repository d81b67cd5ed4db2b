"""`wutong admin`: what the centre's own people do with money and packages, and what they look at."""

from datetime import datetime
from typing import Annotated

import typer

from wutong.cli import operate, operations, show
from wutong.cli import payments as proposals
from wutong.cli.common import Json, Yes, checked, client
from wutong.cli.job import ran, why
from wutong.cli.money import PAYMENTS, fen, payment_rows
from wutong.cli.show import yuan
from wutong.sdk import admin, identity, orders, tenants
from wutong.sdk.jobs import JobState

app = typer.Typer(help="What the centre's own people do.", no_args_is_help=True)
offers = typer.Typer(help="Packages of card-hours on sale.", no_args_is_help=True)

app.add_typer(offers, name="offer")
app.add_typer(proposals.app, name="payment")
operate.add(app)
operations.add(app)


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
    show.outcome(made, f"{yuan(made.amount_fen)} recorded for {show.cell(made.tenant_id)}.", as_json=as_json)


@app.command()
def refund(
    tenant: Annotated[str, typer.Argument(help="Id of the tenant.")],
    amount: Annotated[str, typer.Argument(help="Yuan that were paid back; at most what is free.")],
    reference: Annotated[str, typer.Option(help="The bank's reference; each counts once.")],
    memo: Annotated[str, typer.Option(help="What it is for.")] = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Record free cash paid back to a tenant's bank account."""
    show.confirm(f"Take {yuan(fen(amount))} from {tenant} as paid back, reference {reference}?", yes=yes)
    with client() as centre:
        made = admin.refund(centre, tenant_id=tenant, amount_fen=fen(amount), reference=reference, memo=memo)
    show.outcome(made, f"{yuan(made.amount_fen)} recorded as paid back to {show.cell(made.tenant_id)}.", as_json=as_json)


@app.command()
def payments(tenant: Annotated[str, typer.Argument(help="Id of the tenant.")], as_json: Json = False) -> None:
    """List what a tenant paid in and was paid back, newest first."""
    with client() as centre:
        found = list(admin.list_payments(centre, tenant))
    show.listing(found, PAYMENTS, payment_rows(found), empty=f"{tenant} has paid nothing yet.", as_json=as_json)


@app.command("tenants")
def list_tenants(
    search: Annotated[str, typer.Option(help="Part of a name, a credit code, or an id.")] = "",
    as_json: Json = False,
) -> None:
    """List tenants."""
    with client() as centre:
        found = list(tenants.list_tenants(centre, search))
    rows = [(t.id, t.name, t.credit_code, t.state, t.created_at) for t in found]
    show.listing(found, ("ID", "NAME", "CREDIT CODE", "STATE", "?SINCE"), rows, empty="No tenants yet.", as_json=as_json)


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
    sentence = f"A card-hour of {show.cell(made.flavour)} costs {yuan(made.fen_per_card_hour)} from {show.cell(made.valid_from)}."
    show.outcome(made, sentence, as_json=as_json)


@offers.command("add")
def add_offer(
    name: Annotated[str, typer.Argument(help="Name of the package; one that was used is never used again.")],
    amount: Annotated[str, typer.Argument(help="Yuan for all of it.")],
    accelerator: Annotated[str, typer.Option(help="Accelerator its hours are for; `wutong admin pools` names them.")],
    card_hours: Annotated[int, typer.Option(help="Card-hours it brings.")],
    days: Annotated[int, typer.Option(help="Days from the purchase in which to use them.")],
    as_json: Json = False,
) -> None:
    """Put a package of card-hours on sale."""
    fields = {"name": name, "accelerator": accelerator, "card_hours": card_hours, "price_fen": fen(amount), "validity_days": days}
    with client() as centre:
        made = admin.offer_package(centre, checked(orders.OfferRequest, fields))
    show.outcome(made, f"{show.cell(made.name)} is on sale: {made.card_hours} card-hours for {yuan(made.price_fen)}.", as_json=as_json)


@offers.command("end")
def end_offer(name: Annotated[str, typer.Argument(help="Name of the package.")], yes: Yes = False) -> None:
    """Take a package off sale for good. What was bought stays valid."""
    show.confirm(f"Take {name} off sale? Its name cannot be used again.", yes=yes)
    with client() as centre:
        admin.end_offer(centre, name)
    show.out.print(f"{show.cell(name)} is off sale.")


@app.command()
def terms(
    pool: Annotated[str, typer.Argument(help="Pool.")],
    amount: Annotated[str, typer.Argument(help="Yuan for a card and day.")],
    share: Annotated[int, typer.Option(help="Percent of the pool's cards that may be reserved; 0 ends it.", min=0, max=100)],
    as_json: Json = False,
) -> None:
    """Offer a pool's cards for reservation by the day."""
    body = checked(orders.ReservationTermsRequest, {"fen_per_card_day": fen(amount), "share_permille": share * 10})
    with client() as centre:
        made = admin.set_reservation_terms(centre, pool, body)
    sentence = f"Up to {share} % of {show.cell(made.pool)} can be reserved, for {yuan(made.fen_per_card_day)} a card and day."
    show.outcome(made, sentence, as_json=as_json)


@app.command()
def jobs(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    most: Annotated[int, typer.Option("--limit", "-n", help="How many at most, newest first.")] = 30,
    as_json: Json = False,
) -> None:
    """List the jobs of all tenants, newest first."""
    with client() as centre:
        found = list(admin.list_all_jobs(centre, state=state, most=most))
    rows = [(j.id, j.tenant_id, j.name, j.state, why(j), j.flavour, ran(j), yuan(j.charged_fen), j.created_at) for j in found]
    columns = ("ID", "TENANT", "NAME", "STATE", "?WHY", "?FLAVOUR", "?>TIME", ">COST", "?SUBMITTED")
    show.listing(found, columns, rows, empty="No jobs yet.", as_json=as_json)


@app.command()
def pools(as_json: Json = False) -> None:
    """List pools and how busy they are."""
    with client() as centre:
        found, capacity = admin.list_pools(centre), admin.get_capacity(centre)
    if as_json:
        show.print_json({"pools": [p.model_dump(mode="json") for p in found], "capacity": capacity.model_dump(mode="json")})
        return
    rows = [(p.name, p.engine, p.accelerator, p.state, p.description) for p in found]
    show.table(("POOL", "ENGINE", "ACCELERATOR", "STATE", ""), rows, empty="No pools yet.")
    show.out.print(f"{capacity.busy_cards} of {capacity.cards} cards busy, {capacity.busy_pflops:g} of {capacity.pflops:g} PFLOPS")


@app.command()
def nodes(as_json: Json = False) -> None:
    """List machines."""
    with client() as centre:
        found = admin.list_nodes(centre)
    rows = [(n.name, n.pool, n.state, n.cards, n.cpus, show.size(n.memory_mb * 2**20)) for n in found]
    show.listing(found, ("NODE", "POOL", "STATE", ">CARDS", ">CPUS", ">MEMORY"), rows, empty="No machines yet.", as_json=as_json)


@app.command("ledger-check")
def ledger_check(as_json: Json = False) -> None:
    """Check every book: sums, cached balances, holds, reversals."""
    with client() as centre:
        found = admin.ledger_check(centre)
    if as_json:
        show.print_json(found)
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
    rows = [(a.at, a.person_name, a.action, f"{a.kind} {a.object_id}", a.address) for a in found]
    show.listing(found, ("WHEN", "WHO", "DID", "TO", "?FROM"), rows, empty="Nothing yet.", as_json=as_json)
