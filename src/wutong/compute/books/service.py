"""What doors may ask of the books as a whole."""

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.compute.billing import service as billing
from wutong.compute.books import store
from wutong.compute.books.rules import Reading
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require
from wutong.kit import clock
from wutong.kit.ids import new_id
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind


def find_reading(session: Session, who: Principal) -> Reading | None:
    """Return the latest reading of all books."""
    require(who, Permission.CENTRE_BOOKS)
    return store.newest(session)


def read_books(session: Session, who: Principal) -> Reading:
    """Read all books and keep what was found. Takes seconds for each million entries."""
    require(who, Permission.CENTRE_BOOKS)
    reading = keep_reading(session, who.person_id)
    identity.audit(session, who, "books.read", kind="books", id=reading.id, after={"problems": len(reading.problems)})
    return reading


def keep_reading(session: Session, by: str) -> Reading:
    """Do the same without asking who wants it; for the loop."""
    bank, deferred, revenue = (
        ledger.account_balance(session, AccountKey(CENTRE, kind)) for kind in (AccountKind.BANK, AccountKind.DEFERRED, AccountKind.REVENUE)
    )
    runs, card_ms = centre.usage_totals(session)
    found = ledger.check(session)
    reading = Reading(
        id=new_id("books"),
        at=clock.now(),
        by=by,
        bank_fen=-bank,
        deferred_fen=deferred,
        revenue_fen=revenue,
        runs=runs,
        card_ms=card_ms,
        rated_ms=billing.rated_card_ms(session),
        accounts=found.accounts,
        transfers=found.transfers,
        problems=tuple(found.problems),
    )
    store.add(session, reading)
    return reading
