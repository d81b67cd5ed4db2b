"""Asking for links by mail, and using them."""

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wutong.identity import access_store, keys
from wutong.identity import store as people
from wutong.identity.letters import store
from wutong.identity.letters.rules import LIFE, PER_ADDRESS, PER_EMAIL, WINDOW, LetterKind, LinkGone, TooManyLetters, letter_mail
from wutong.identity.records import Person
from wutong.identity.rules import AlreadyRegistered, Principal, normal_email
from wutong.identity.trail import audit
from wutong.kit import clock
from wutong.kit.errors import NotFound
from wutong.kit.ids import new_id
from wutong.kit.outbox import Outbox

VIA = "mail"


def request_reset(session: Session, email: str, *, address: str = "") -> None:
    """Write down that somebody wants a new password for an address. The same is done, and answered, whether anybody has it: a loop looks later."""
    email, now = normal_email(email), clock.now()
    if store.count_from(session, address, now - WINDOW) >= PER_ADDRESS:
        raise TooManyLetters(retry_after_s=int(WINDOW.total_seconds()))
    row = {"id": new_id("let"), "kind": LetterKind.RESET, "email": email, "address": address, "asked_at": now, "expires_at": now + LIFE}
    store.add(session, row)


def find_reset(session: Session, secret: str) -> str | None:
    """Return the address whose password a link changes, None when the link does not work any more."""
    found = store.find_open(session, keys.digest(secret), LetterKind.RESET, clock.now()) if keys.is_whole(secret) else None
    return None if found is None else found.email


def use_reset(session: Session, secret: str, password_hash: str, *, outbox: Outbox | None = None, address: str = "") -> Person:
    """Store another password by a link: every session is closed, every other link used up, and the lock on sign-in lifted. Raises `LinkGone`."""
    now = clock.now()
    letter = store.use(session, keys.digest(secret), LetterKind.RESET, now) if keys.is_whole(secret) else None
    person = people.find_person(session, letter.person_id) if letter is not None and letter.person_id else None
    if letter is None or person is None or person.email != letter.email:
        raise LinkGone
    people.set_password(session, person.id, password_hash)
    closed = access_store.close_other_sessions(session, person.id, "", now)
    store.withdraw_all(session, person.id, LetterKind.RESET, now)
    access_store.add_sign_in(session, {"email": person.email, "address": address, "ok": True, "at": now})
    who = Principal(person.id, person.name, None, None, via=VIA, address=address)
    audit(session, who, "password.reset", kind="person", id=person.id, after={"sessions_closed": closed})
    if outbox is not None:
        outbox.put(session, letter_mail("password_changed", person.language, to=person.email, email=person.email), key=f"done:{letter.id}")
    return person


def request_email_change(session: Session, who: Principal, new_email: str, outbox: Outbox) -> None:
    """Mail a link to the address the caller wants to use. Whether somebody has it is told to whoever reads it, not to the caller."""
    email, now = normal_email(new_email, field="new_email"), clock.now()
    if store.count_written(session, LetterKind.EMAIL, since=now - WINDOW, person_id=who.person_id) >= PER_EMAIL:
        raise TooManyLetters(retry_after_s=int(WINDOW.total_seconds()))
    person = people.find_person(session, who.person_id)
    if person is None:
        raise NotFound(kind="person", id=who.person_id)
    secret, letter_id = keys.new_secret(keys.EMAIL), new_id("let")
    row = {"id": letter_id, "kind": LetterKind.EMAIL, "email": email, "address": who.address, "person_id": who.person_id}
    store.add(session, {**row, "secret_hash": keys.digest(secret), "asked_at": now, "expires_at": now + LIFE, "written_at": now})
    mail = letter_mail("email", person.language, to=email, link=outbox.link(f"/email?token={secret}"), email=email, name=person.name)
    outbox.put(session, mail, key=letter_id, expires_at=now + LIFE)
    audit(session, who, "email.ask", kind="person", id=who.person_id, after={"email": email})


def use_email_change(session: Session, secret: str, *, outbox: Outbox | None = None, address: str = "") -> Person:
    """Give a person the address a link was sent to. Raises `LinkGone`, or `AlreadyRegistered` when somebody else has it."""
    now = clock.now()
    letter = store.use(session, keys.digest(secret), LetterKind.EMAIL, now) if keys.is_whole(secret) else None
    person = people.find_person(session, letter.person_id) if letter is not None and letter.person_id else None
    if letter is None or person is None:
        raise LinkGone
    try:
        with session.begin_nested():
            people.change_person(session, person.id, {"email": letter.email})
    except IntegrityError:
        raise AlreadyRegistered(what=f"The e-mail {letter.email}", hint="Sign in with it, or use another.") from None
    store.withdraw_all(session, person.id, LetterKind.EMAIL, now)
    store.withdraw_all(session, person.id, LetterKind.RESET, now)
    who = Principal(person.id, person.name, None, None, via=VIA, address=address)
    audit(session, who, "email.change", kind="person", id=person.id, before={"email": person.email}, after={"email": letter.email})
    if outbox is not None:
        mail = letter_mail("email_changed", person.language, to=person.email, old=person.email, email=letter.email)
        outbox.put(session, mail, key=f"done:{letter.id}")
    return people.find_person(session, person.id) or person
