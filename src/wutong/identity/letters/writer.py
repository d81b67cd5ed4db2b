"""The loop that writes letters: it looks up who has an address, long after whoever asked was answered, so that the answer tells nothing."""

from typing import Any

from sqlalchemy.orm import Session

from wutong.identity import keys
from wutong.identity import store as people
from wutong.identity.letters import store
from wutong.identity.letters.rules import KEEP, LIFE, PER_EMAIL, WINDOW, Letter, LetterKind, letter_mail
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.outbox import Outbox

CHANNEL = store.CHANNEL
_SWEEP = 500


class Writer:
    """Writes one letter a step: the link's digest, the mail, and that it was written are one transaction."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    def step(self) -> bool:
        """Write the letter that has waited longest; says whether there was one."""
        with self._database.session() as session:
            letter = store.take_unwritten(session)
            if letter is None:
                return store.sweep(session, clock.now() - KEEP, _SWEEP) >= _SWEEP
            store.set_written(session, letter.id, {"written_at": clock.now(), **self._write(session, letter)})
        return True

    def _write(self, session: Session, letter: Letter) -> dict[str, Any]:
        now = clock.now()
        found = people.find_person_by_email(session, letter.email)
        if found is None or store.count_written(session, LetterKind.RESET, since=now - WINDOW, email=letter.email) >= PER_EMAIL:
            return {}
        person, secret = found[0], keys.new_secret(keys.RESET)
        mail = letter_mail("reset", person.language, to=person.email, link=self._outbox.link(f"/reset?token={secret}"), email=person.email)
        self._outbox.put(session, mail, key=letter.id, expires_at=now + LIFE)
        return {"person_id": person.id, "secret_hash": keys.digest(secret), "expires_at": now + LIFE}
