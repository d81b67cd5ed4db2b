"""A person's logins at providers, and what a provider's checked word does."""

from datetime import datetime

from sqlalchemy.orm import Session

from wutong.identity import access, keys
from wutong.identity import store as people
from wutong.identity.oidc import store
from wutong.identity.oidc.rules import FLOW_LIFE, Claims, Flow, LastWayIn, Login, LoginTaken, Way
from wutong.identity.records import Person
from wutong.identity.rules import Principal, clean_name, normal_email
from wutong.identity.trail import audit
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.ids import new_id


def list_logins(session: Session, who: Principal) -> list[Login]:
    """Return the caller's accounts at providers, first one first."""
    return store.list_logins(session, who.person_id)


def remove_login(session: Session, who: Principal, login_id: str) -> None:
    """Forget one of the caller's accounts at providers. Raises `LastWayIn` when nothing else would let them in."""
    person = people.find_person(session, who.person_id)
    found = people.find_person_by_email(session, person.email) if person else None
    mine = store.list_logins(session, who.person_id)
    if all(login.id != login_id for login in mine):
        raise NotFound(kind="login", id=login_id)
    if (found is None or found[1] is None) and len(mine) == 1:
        raise LastWayIn
    store.remove_login(session, who.person_id, login_id)
    audit(session, who, "login.remove", kind="login", id=login_id)


def put_login(session: Session, person_id: str, provider: str, claims: Claims, *, label: str, address: str) -> None:
    """Give a person a login, or note that it was used. Raises `LoginTaken` when it is somebody else's."""
    known, now = store.find_login(session, provider, claims.subject), clock.now()
    if known is not None:
        if known.person_id != person_id:
            raise LoginTaken(label=label)
        store.touch_login(session, known.id, claims.email, now)
        return
    login = Login(new_id("login"), person_id, provider, claims.subject, claims.email, now, now)
    if not store.add_login(session, login):
        raise LoginTaken(label=label)
    person = people.find_person(session, person_id)
    who = Principal(person_id, person.name if person else "", None, None, address=address)
    audit(session, who, "login.add", kind="login", id=login.id, after={"provider": provider, "email": claims.email})


def enter(session: Session, way: Way, flow: Flow, claims: Claims, *, owner: str | None, label: str, address: str, device: str) -> str:
    """Let somebody in: who has the login, or a new person. Returns the secret of the session."""
    person_id = owner if way is Way.ENTER and owner is not None else _new_person(session, claims, address).id
    put_login(session, person_id, flow.provider, claims, label=label, address=address)
    return access.open_session(session, person_id, None, address, device)[1]


def ask_password(session: Session, flow: Flow, claims: Claims, person_id: str) -> str:
    """Write down that a login waits for its person's password; returns the secret that names it."""
    secret, until = keys.new_secret(keys.LINK), clock.now() + FLOW_LIFE
    row = {"secret_hash": keys.digest(secret), "person_id": person_id, "provider": flow.provider, "subject": claims.subject}
    store.add_link(session, {**row, "email": claims.email, "return_to": flow.return_to, "expires_at": until})
    return secret


def _new_person(session: Session, claims: Claims, address: str) -> Person:
    now: datetime = clock.now()
    person = Person(new_id("per"), _name(claims), normal_email(claims.email), now)
    if not people.add_person(session, {**{field: getattr(person, field) for field in person.__slots__}, "password_hash": None}):
        raise LoginTaken(label=claims.email)
    who = Principal(person.id, person.name, None, None, address=address)
    audit(session, who, "person.register", kind="person", id=person.id, after={"email": person.email})
    return person


def _name(claims: Claims) -> str:
    try:
        return clean_name(claims.name)
    except Invalid:
        return claims.email.partition("@")[0][:100]
