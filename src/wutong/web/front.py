"""The front page: what the centre offers, how busy it is, what it costs. For anybody."""

from typing import Annotated

from fastapi import Response

from wutong.centre import service as centre
from wutong.compute.catalogue import service as catalogue
from wutong.doorway.asking import Tx
from wutong.identity import service as identity
from wutong.web.view import Anyone, Pages, View

pages = Pages()


@pages.get("/")
def front_page(tx: Tx, view: Annotated[View, Anyone]) -> Response:
    """Greet, with live figures and the prices in force."""
    prices = {price.flavour: price for price in catalogue.list_prices(tx)}
    flavours = [flavour for flavour in centre.list_flavours(tx, enabled_only=True) if flavour.name in prices]
    return view.page("front/front.html", capacity=centre.capacity(tx), flavours=flavours, prices=prices, tenants=identity.count_tenants(tx))


@pages.get("/front/load")
def front_load(tx: Tx, view: Annotated[View, Anyone]) -> Response:
    """Render the live figures again."""
    return view.page("front/load.html", capacity=centre.capacity(tx), tenants=identity.count_tenants(tx))
