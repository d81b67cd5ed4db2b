"""`wutong order`: packages of card-hours and reserved days, bought ahead."""

import uuid
from datetime import datetime
from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, client
from wutong.cli.show import Stop, card_hours, yuan
from wutong.sdk import orders
from wutong.sdk.orders import Order

app = typer.Typer(help="Buy packages of card-hours, reserve cards, see what was bought.", no_args_is_help=True)

DAY = ["%Y-%m-%d"]


@app.command("ls")
def list_orders(as_json: Json = False) -> None:
    """List what was bought."""
    with client() as centre:
        found = list(orders.list_orders(centre))
    rows = [(o.id, o.name, o.kind, o.state, card_hours(o.card_seconds), yuan(o.amount_fen), o.valid_until) for o in found]
    show.listing(found, ("ID", "WHAT", "?KIND", "STATE", "?>BRINGS", ">AMOUNT", "?UNTIL"), rows, empty="Nothing bought yet.", as_json=as_json)


@app.command()
def offers(as_json: Json = False) -> None:
    """List the packages on sale."""
    with client() as centre:
        found = orders.list_offers(centre)
    rows = [(o.name, o.accelerator, o.card_hours, o.validity_days, yuan(o.price_fen)) for o in found]
    show.listing(found, ("PACKAGE", "FOR", ">CARD-HOURS", ">DAYS VALID", ">PRICE"), rows, empty="No packages are on sale.", as_json=as_json)


@app.command()
def buy(name: Annotated[str, typer.Argument(help="Name of the package.")], yes: Yes = False, as_json: Json = False) -> None:
    """Buy a package of card-hours from your balance."""
    with client() as centre:
        offer = next((o for o in orders.list_offers(centre) if name in (o.name, o.id)), None)
        if offer is None:
            raise Stop(f"There is no package {name}. `wutong order offers` lists those on sale.")
        question = f"Buy {offer.name}: {offer.card_hours} card-hours for {yuan(offer.price_fen)}, to be used within {offer.validity_days} days?"
        show.confirm(question, yes=yes)
        order = orders.buy_package(centre, offer.id, key=str(uuid.uuid4()))
    placed(order, as_json=as_json)


@app.command()
def terms(as_json: Json = False) -> None:
    """List the pools whose cards can be reserved by the day, and what that costs."""
    with client() as centre:
        found = orders.list_reservation_terms(centre)
    rows = [(t.pool, yuan(t.fen_per_card_day), f"{t.share_permille / 10:g} %") for t in found]
    show.listing(found, ("POOL", ">PER CARD AND DAY", ">CAN BE RESERVED"), rows, empty="No pool can be reserved.", as_json=as_json)


@app.command()
def reserve(
    pool: Annotated[str, typer.Argument(help="Pool; `wutong order terms` lists those that can be reserved.")],
    cards: Annotated[int, typer.Option(help="How many cards.", min=1)],
    first: Annotated[datetime, typer.Option("--from", formats=DAY, help="First day, tomorrow at the soonest.")],
    last: Annotated[datetime, typer.Option("--to", formats=DAY, help="Last day.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Reserve cards for whole days from your balance. Shows the price and asks first."""
    wanted = orders.ReservationOrder(pool=pool, cards=cards, first_day=first.date(), last_day=last.date())
    days = (wanted.last_day - wanted.first_day).days + 1
    if days < 1:
        raise Stop("The last day is before the first. Give --to a day that is not before --from.")
    with client() as centre:
        offered = next((t for t in orders.list_reservation_terms(centre) if t.pool == pool), None)
        if offered is None:
            raise Stop(f"The pool {pool} cannot be reserved. `wutong order terms` lists those that can.")
        price = yuan(cards * days * offered.fen_per_card_day)
        period = f"from {wanted.first_day} to {wanted.last_day}, {show.count(days, 'day')}"
        show.confirm(f"Reserve {show.count(cards, 'card')} of {pool} {period}, for {price}?", yes=yes)
        order = orders.reserve(centre, wanted, key=str(uuid.uuid4()))
    placed(order, as_json=as_json)


@app.command()
def cancel(order_id: Annotated[str, typer.Argument(help="Id of the order.", show_default=False)], yes: Yes = False, as_json: Json = False) -> None:
    """Cancel a reservation before its first day; its whole price comes back."""
    show.confirm(f"Cancel {order_id}? Its cards may go to somebody else.", yes=yes)
    with client() as centre:
        order = orders.cancel_order(centre, order_id)
    placed(order, as_json=as_json)


def placed(order: Order, *, as_json: bool) -> None:
    """Say where an order stands."""
    show.outcome(order, f"{order.id}  {order.state}  {yuan(order.amount_fen)}", as_json=as_json)
