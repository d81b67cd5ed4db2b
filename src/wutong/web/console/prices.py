"""Prices with the days they begin, packages on sale, and the terms of reservations."""

from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.compute.catalogue import service as catalogue
from wutong.compute.orders import service as orders
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.kit.errors import Problem
from wutong.kit.money import parse_yuan
from wutong.web.console import reading
from wutong.web.console.reading import Word
from wutong.web.view import Pages, View

pages = Pages()

Operates = Annotated[View, needs(Permission.CENTRE_OPERATE)]
PAGE = "console/prices.html"


@pages.get("/console/prices")
def prices_page(tx: Tx, view: Annotated[View, needs(Permission.CENTRE_READ)]) -> Response:
    """Show each flavour's price now, before and later; packages; terms of reservations."""
    return view.page(PAGE, **_prices(tx))


@pages.post("/console/prices")
def set_price(tx: Tx, view: Operates, flavour: Word = "", price: Word = "", valid_from: Word = "") -> Response:
    """Set a price from a moment on."""

    def work() -> object:
        fen = parse_yuan(price, field="price")
        return catalogue.set_price(tx, view.who, flavour, fen, reading.moment(valid_from, view.zone, field="valid_from"))

    form = {"flavour": flavour, "price": price, "valid_from": valid_from}
    return _done(tx, view, view.attempt(work), form, view.say("The price is set."))


@pages.post("/console/offers")
def offer_package(
    tx: Tx, view: Operates, name: Word = "", accelerator: Word = "", card_hours: Word = "", price: Word = "", validity_days: Word = ""
) -> Response:
    """Put a package of card-hours on sale."""

    def work() -> object:
        return catalogue.offer_package(
            tx,
            view.who,
            name=name.strip(),
            accelerator=accelerator,
            card_hours=reading.whole(card_hours, field="card_hours"),
            price_fen=parse_yuan(price, field="price"),
            validity_days=reading.whole(validity_days, field="validity_days"),
        )

    form = {"name": name, "accelerator": accelerator, "card_hours": card_hours, "offer_price": price, "validity_days": validity_days}
    return _done(tx, view, view.attempt(work), form, view.say("The package is on sale."))


@pages.post("/console/offers/end")
def end_offer(tx: Tx, view: Operates, name: Word = "") -> Response:
    """Take a package off sale; what was bought stays valid."""
    return _done(
        tx, view, view.attempt(lambda: catalogue.end_offer(tx, view.who, name)), {}, view.say("The package is off sale. What was bought stays valid.")
    )


@pages.post("/console/reservation-terms")
def set_terms(tx: Tx, view: Operates, pool: Word = "", day_price: Word = "", share: Word = "") -> Response:
    """Offer a pool for reservation by the day."""

    def work() -> object:
        fen, permille = parse_yuan(day_price, field="day_price"), reading.whole(share, field="share") * 10
        return orders.set_reservation_terms(tx, view.who, pool=pool, fen_per_card_day=fen, share_permille=permille)

    return _done(tx, view, view.attempt(work), {"pool": pool, "day_price": day_price, "share": share}, view.say("The terms are set."))


def _done(tx: Tx, view: View, done: object, form: dict[str, str], sentence: str) -> Response:
    if isinstance(done, Problem):
        return view.page(PAGE, done.status, **{**_prices(tx), "form": form}, problem=done)
    view.toast(sentence)
    return view.go("/console/prices")


def _prices(tx: Tx) -> dict[str, Any]:
    flavours = centre.list_flavours(tx)
    versions = catalogue.price_versions(tx, [flavour.name for flavour in flavours])
    return {
        "now": clock.now(),
        "flavours": flavours,
        "versions": {name: sorted(found, key=lambda price: price.valid_from, reverse=True) for name, found in versions.items()},
        "offers": catalogue.list_offers(tx),
        "terms": {terms.pool: terms for terms in orders.list_reservation_terms(tx)},
        "pools": centre.list_pools(tx),
        "accelerators": centre.list_accelerators(tx),
        "form": {},
    }
