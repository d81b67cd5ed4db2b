"""How people come in, the same at every door: register, sign in, change a password, accept an invitation.

Passwords are hashed and compared with no transaction open: each takes a tenth of a second on purpose.
"""

from wutong.doorway.asking import Caller
from wutong.identity import service
from wutong.identity.rules import Member, Person, SignedIn, Tenant, WrongCredentials, check_password, normal_credit_code, normal_email
from wutong.kit.outbox import Outbox

PER_ADDRESS = "30/minute"


def register(
    asking: Caller, *, name: str, credit_code: str, person_name: str, email: str, password: str, kind: str = "enterprise"
) -> tuple[Tenant, Person]:
    """Sign an organisation up, with its first owner."""
    asking.context.throttle.pass_through(PER_ADDRESS, "register", asking.address)
    normal_email(email)
    normal_credit_code(credit_code)
    password_hash = service.hash_password(check_password(password))
    fields = {"name": name, "credit_code": credit_code, "person_name": person_name, "email": email, "kind": kind}
    with asking.context.database.session() as session:
        return service.register_tenant(session, **fields, password_hash=password_hash, address=asking.address)


def sign_in(asking: Caller, *, email: str, password: str, tenant_id: str | None = None) -> tuple[SignedIn, str]:
    """Open a session, and return it with its secret; a failure is committed before it is told. Raises `WrongCredentials`, `SignInLocked`."""
    asking.context.throttle.pass_through(PER_ADDRESS, "sign_in", asking.address)
    email = normal_email(email)
    with asking.context.database.session() as session:
        service.check_sign_in(session, email, asking.address)
        known = service.find_credentials(session, email)
    fits = service.verify_password(password, known.password_hash if known else None)
    with asking.context.database.session() as session:
        service.record_sign_in(session, email, fits, asking.address)
        if fits and known is not None:
            return service.open_session(session, known.person_id, tenant_id, asking.address, asking.device)
    raise WrongCredentials


def change_password(asking: Caller, *, old: str, new: str) -> None:
    """Choose another password; the caller's other sessions are closed."""
    with asking.context.database.session() as session:
        who = asking.principal(session)
        email = service.get_person(session, who.person_id).email
        service.check_sign_in(session, email, asking.address)
        known = service.find_credentials(session, email)
    fits = service.verify_password(old, known.password_hash if known else None)
    fresh = service.hash_password(check_password(new, field="new_password")) if fits else ""
    with asking.context.database.session() as session:
        service.record_sign_in(session, email, fits, asking.address)
        if fits:
            service.change_password(session, asking.principal(session), fresh)
            return
    raise WrongCredentials


def request_email_change(asking: Caller, *, password: str, new_email: str) -> None:
    """Mail a link to the address the caller wants to use from now on; the password is asked for, because an address opens an account."""
    normal_email(new_email, field="new_email")
    with asking.context.database.session() as session:
        who = asking.principal(session)
        email = service.get_person(session, who.person_id).email
        service.check_sign_in(session, email, asking.address)
        known = service.find_credentials(session, email)
    fits = service.verify_password(password, known.password_hash if known else None)
    with asking.context.database.session() as session:
        service.record_sign_in(session, email, fits, asking.address)
        if fits:
            service.request_email_change(session, asking.principal(session), new_email, Outbox.of(asking.context.settings))
            return
    raise WrongCredentials


def use_email_change(asking: Caller, *, secret: str) -> Person:
    """Confirm an address by the link sent to it."""
    asking.context.throttle.pass_through(PER_ADDRESS, "email_change", asking.address)
    with asking.context.database.session() as session:
        return service.use_email_change(session, secret, outbox=Outbox.of(asking.context.settings), address=asking.address)


def request_reset(asking: Caller, *, email: str) -> None:
    """Ask for a link that sets another password; the same is done and answered whether anybody has the address."""
    asking.context.throttle.pass_through(PER_ADDRESS, "reset", asking.address)
    with asking.context.database.session() as session:
        service.request_reset(session, email, address=asking.address)


def use_reset(asking: Caller, *, secret: str, password: str) -> Person:
    """Set another password by a link. Raises `LinkGone`."""
    asking.context.throttle.pass_through(PER_ADDRESS, "use_reset", asking.address)
    password_hash = service.hash_password(check_password(password))
    with asking.context.database.session() as session:
        return service.use_reset(session, secret, password_hash, outbox=Outbox.of(asking.context.settings), address=asking.address)


def accept_invitation(asking: Caller, *, secret: str, person_name: str | None, password: str | None) -> Member:
    """Join an organisation by an invitation's secret, as a new person or one that is known."""
    asking.context.throttle.pass_through(PER_ADDRESS, "accept", asking.address)
    password_hash = service.hash_password(check_password(password)) if password is not None else None
    with asking.context.database.session() as session:
        return service.accept_invitation(session, secret, person_name, password_hash, asking.address)
