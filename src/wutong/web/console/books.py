"""The centre's books: its accounts, the check of the whole ledger, usage held against charges, and comparisons with the clusters' own accounts."""

from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.compute.billing import service as billing
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind
from wutong.web.view import Pages, View

pages = Pages()

Books = Annotated[View, needs(Permission.CENTRE_BOOKS)]
ACCOUNTS = (AccountKind.BANK, AccountKind.DEFERRED, AccountKind.REVENUE)


@pages.get("/console/books")
def books_page(tx: Tx, view: Books) -> Response:
    """Show the accounts, usage against charges, and the latest comparisons. The check of every book is asked for by itself: it reads all."""
    runs, card_ms = centre.usage_totals(tx)
    compared = centre.list_comparisons(tx)
    values: dict[str, Any] = {
        "accounts": {kind: ledger.account_balance(tx, AccountKey(CENTRE, kind)) for kind in ACCOUNTS},
        "runs": runs,
        "card_ms": card_ms,
        "rated_ms": billing.rated_card_ms(tx),
        "unrated": billing.count_unrated(tx),
        "aside": centre.check_meter(tx),
        "comparisons": compared,
        "differences": centre.list_differences(tx, compared),
        "foreign": centre.list_foreign(tx, limit=20),
    }
    return view.page("console/books.html", **values)


@pages.get("/console/books/check")
def check_page(tx: Tx, view: Books) -> Response:
    """Check every book of the centre: sums, cached balances, holds, reversals."""
    return view.page("console/books_check.html", report=ledger.check(tx))
