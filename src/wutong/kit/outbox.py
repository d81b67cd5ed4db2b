"""Mails on their way: put down in the transaction that causes them, and sent by a loop until the server has taken them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.kit.database import Database, notify
from wutong.kit.log import get_logger
from wutong.kit.mail import Mail, Sender, Undeliverable, to_message
from wutong.kit.seal import SealBroken, seal, unseal
from wutong.kit.settings import Settings
from wutong.kit.tables import MailRow

log = get_logger(__name__)

CHANNEL = "kit_mail"
HOLD = timedelta(minutes=10)
"""How long a mail is left to the process that took it; after a kill another takes it then."""
PAUSES: Final[Sequence[timedelta]] = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60, 180, 360, 720, 1440))
KEEP = timedelta(days=30)
_SWEEP = 500


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where rooms put mails. `public_url` begins the links in them, because a request's own Host header is for strangers to choose."""

    key_file: Path
    sender: str
    public_url: str

    @classmethod
    def of(cls, settings: Settings) -> "Outbox":
        """Take what it needs from the centre's settings."""
        return cls(settings.key_file, settings.mail_from, settings.portal)

    def link(self, path: str) -> str:
        """Return the whole address of a page of the portal."""
        return f"{self.public_url}{path}"

    def put(self, session: Session, mail: Mail, *, key: str, expires_at: datetime | None = None) -> bool:
        """Queue a mail with the present transaction; once for each key, however often it is put. After `expires_at` it is not sent any more."""
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        now = clock.now()
        row = {
            "key": key,
            "to_address": mail.to,
            "sealed": seal(self.key_file, json.dumps(asdict(mail))),
            "message_id": f"<{name}@{self.sender.rpartition('@')[2]}>",
            "made_at": now,
            "next_at": now,
            "expires_at": expires_at,
            "tries": 0,
            "problem": "",
        }
        put = session.scalar(insert(MailRow).values(row).on_conflict_do_nothing(index_elements=["key"]).returning(MailRow.id))
        if put is not None:
            notify(session, CHANNEL)
        return put is not None


@dataclass(frozen=True, slots=True)
class _Taken:
    """A mail that is ours to send now."""

    id: int
    to: str
    sealed: str
    message_id: str
    made_at: datetime
    tries: int


class Postman:
    """The loop that sends. One mail is in one pair of hands at a time, and its Message-ID never changes.

    Only where the server's yes never reached us, or we were killed before it was written down, is a mail handed over a second time: as the same mail.
    """

    def __init__(self, database: Database, sender: Sender, outbox: Outbox, *, sender_name: str = "Wutong") -> None:
        self._database = database
        self._sender = sender
        self._outbox = outbox
        self._name = sender_name
        self._troubled = False

    def step(self) -> bool:
        """Send one mail that is due; says whether there was one."""
        with self._database.session() as session:
            taken = _take(session)
        if taken is None:
            with self._database.session() as session:
                return _sweep(session) >= _SWEEP
        try:
            self._sender.send(self._message(taken))
        except (Undeliverable, SealBroken) as refused:
            log.warning("a mail cannot be delivered", to=taken.to, error=str(refused))
            self._note(taken, given_up_at=clock.now(), sealed=None, problem=str(refused)[:500])
        except Exception as error:  # noqa: BLE001 - whatever the server or the network did, the mail is kept and tried again
            self._failed(taken, error)
        else:
            self._note(taken, sent_at=clock.now(), sealed=None, problem="")
            self._well()
        return True

    def _message(self, taken: _Taken) -> EmailMessage:
        mail = Mail(**json.loads(unseal(self._outbox.key_file, taken.sealed)))
        return to_message(mail, sender=self._outbox.sender, sender_name=self._name, message_id=taken.message_id, date=taken.made_at)

    def _failed(self, taken: _Taken, error: Exception) -> None:
        if not self._troubled:
            self._troubled = True
            log.warning("mails do not get out, will try again", error=repr(error))
        now = clock.now()
        over: dict[str, Any] = {"given_up_at": now, "sealed": None} if taken.tries > len(PAUSES) else {"next_at": now + PAUSES[taken.tries - 1]}
        self._note(taken, problem=repr(error)[:500], **over)

    def _well(self) -> None:
        if self._troubled:
            self._troubled = False
            log.info("mails get out again")

    def _note(self, taken: _Taken, **values: Any) -> None:
        with self._database.session() as session:
            session.execute(update(MailRow).where(MailRow.id == taken.id, MailRow.sent_at.is_(None)).values(**values))


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not left yet: how much, since when the oldest waits (None when nothing does), and why the last try failed."""

    waiting: int
    oldest_at: datetime | None
    problem: str = ""


def backlog(session: Session) -> Backlog:
    """Look at the mails that have not left yet."""
    waiting = (MailRow.sent_at.is_(None), MailRow.given_up_at.is_(None))
    failed = select(MailRow.problem).where(*waiting, MailRow.problem != "").order_by(MailRow.next_at.desc()).limit(1).scalar_subquery()
    count, oldest_at, problem = session.execute(select(func.count(), func.min(MailRow.made_at), failed).where(*waiting)).one()
    return Backlog(count, oldest_at, problem or "")


def _take(session: Session) -> _Taken | None:
    now = clock.now()
    waiting = (MailRow.sent_at.is_(None), MailRow.given_up_at.is_(None))
    late = update(MailRow).where(*waiting, MailRow.expires_at < now)
    session.execute(late.values(given_up_at=now, sealed=None, problem="It was too late for it."))
    due = select(MailRow.id).where(*waiting, MailRow.next_at <= now).order_by(MailRow.next_at).limit(1).with_for_update(skip_locked=True)
    take = update(MailRow).where(MailRow.id == due.scalar_subquery()).values(tries=MailRow.tries + 1, next_at=now + HOLD)
    row = session.scalar(take.returning(MailRow).execution_options(populate_existing=True))
    return None if row is None else _Taken(row.id, row.to_address, row.sealed or "", row.message_id, row.made_at, row.tries)


def _sweep(session: Session) -> int:
    old = clock.now() - KEEP
    gone = select(MailRow.id).where(or_(MailRow.sent_at < old, MailRow.given_up_at < old)).limit(_SWEEP).scalar_subquery()
    return len(session.scalars(delete(MailRow).where(MailRow.id.in_(gone)).returning(MailRow.id)).all())
