"""The centre's books: its accounts, the check of the whole ledger, usage held against charges, and comparisons with the clusters' own accounts."""

from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.compute.billing import service as billing
from wutong.compute.books import service as books
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.web.view import Pages, View

pages = Pages()

Books = Annotated[View, needs(Permission.CENTRE_BOOKS)]


@pages.get("/console/books")
def books_page(tx: Tx, view: Books) -> Response:
    """Show what the last reading of all books found, what waits now, and the latest comparisons."""
    compared = centre.list_comparisons(tx)
    values: dict[str, Any] = {
        "reading": books.find_reading(tx, view.who),
        "unrated": billing.count_unrated(tx),
        "aside": centre.check_meter(tx),
        "comparisons": compared,
        "differences": centre.list_differences(tx, compared),
        "foreign": centre.list_foreign(tx, limit=20),
    }
    return view.page("console/books.html", **values)


@pages.get("/console/books/check")
def check_page(tx: Tx, view: Books) -> Response:
    """Show what the last reading of all books made of sums, cached balances, holds, reversals."""
    return view.page("console/books_check.html", reading=books.find_reading(tx, view.who))


@pages.post("/console/books/check")
def check_now(tx: Tx, view: Books) -> Response:
    """Read all books now."""
    books.read_books(tx, view.who)
    return view.go("/console/books/check")
