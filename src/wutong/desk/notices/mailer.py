"""The loop that makes mails of notices: all that waits for one person is one mail, in their language and zone."""

from collections.abc import Sequence

from wutong.desk.notices import store
from wutong.desk.notices.rules import Notice, Said, say
from wutong.identity import service as identity
from wutong.identity.rules import Person
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.mail import Mail, compose
from wutong.kit.outbox import Outbox

MOST = 50
_WORDS = {
    "zh": ("{count} 条通知", "打开", "您可以在账号设置中关闭某类邮件：{link}"),
    "en": ("{count} notices", "Open", "You can switch off mails of a kind in your account: {link}"),
}


class Mailer:
    """One person a step. The mail goes into the outbox in the transaction that counts the notices as mailed."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    def step(self) -> bool:
        """Write one mail; says whether one was due."""
        with self._database.session() as session:
            found = store.take_mails(session, clock.now(), MOST)
            if found is None:
                return False
            person_id, notices = found
            person = identity.list_people(session, [person_id]).get(person_id)
            if person is not None and notices:
                self._outbox.put(session, write(person, notices, self._outbox), key=f"notices:{person_id}:{notices[-1].id}")
        return True


def write(person: Person, notices: Sequence[Notice], outbox: Outbox) -> Mail:
    """Write what somebody was told as one mail."""
    said = [say(notice.kind, notice.facts, person.language, person.zone) for notice in notices]
    many, label, off = _WORDS[person.language]
    footer = off.format(link=outbox.link("/account/notices"))
    if len(said) == 1:
        whole = {"subject": said[0].title, "paragraphs": [said[0].text], "action": (label, outbox.link(said[0].path))}
    else:
        whole = {
            "subject": many.format(count=len(said)),
            "paragraphs": [_line(each, outbox) for each in said],
            "action": (label, outbox.link("/inbox")),
        }
    return compose(to=person.email, language=person.language, footer=footer, **whole)  # type: ignore[arg-type]


def _line(said: Said, outbox: Outbox) -> str:
    return f"{said.text}\n{outbox.link(said.path)}"
