"""What a provider's word is worth: which of its claims open which account. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wutong.kit.errors import Conflict, Forbidden, NotFound, Unauthenticated, Unavailable

FLOW_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Login:
    """A person's account at a provider; `email` is what the provider last said."""

    id: str
    person_id: str
    provider: str
    subject: str
    email: str
    added_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class Flow:
    """A round trip to a provider. `person_id` is set when somebody signed in adds a login; `return_to` is the page they came from."""

    provider: str
    nonce: str
    verifier: str
    redirect_uri: str
    return_to: str
    person_id: str | None


@dataclass(frozen=True, slots=True)
class Claims:
    """What a provider said, checked: whom it means, and what address it vouches for."""

    subject: str
    email: str
    email_verified: bool
    name: str


class Outcome(StrEnum):
    """How a round trip ended."""

    SIGNED_IN = "signed_in"
    LINKED = "linked"
    PASSWORD_NEEDED = "password_needed"  # noqa: S105 - a name


class Way(StrEnum):
    """What is to be done about a provider's word."""

    ENTER = "enter"
    ADD_LOGIN = "add_login"
    ASK_PASSWORD = "ask_password"  # noqa: S105 - a name
    NEW_PERSON = "new_person"


class ProviderAway(Unavailable):
    """The provider does not answer, or not as it should."""

    code = "provider_away"
    message = "{label} does not answer as it should right now ({reason}). Sign in with your password, or try again later."


class ProviderRefused(Unauthenticated):
    """The provider did not vouch for anybody, or its answer does not hold."""

    code = "provider_refused"
    message = "{label} did not sign you in ({reason}). Start again, or use your password."


class NoSuchProvider(NotFound):
    """The settings name no such provider."""

    code = "no_such_provider"
    message = "There is no sign-in through {id} here."


class FlowGone(NotFound):
    """The round trip is over, too old, or was begun in another browser."""

    code = "flow_gone"
    message = "This sign-in was begun elsewhere or took too long. Start again."


class AddressNotVouched(Forbidden):
    """The provider says no address, or does not know whether it is theirs."""

    code = "address_not_vouched"
    message = "{label} does not say that your e-mail address is verified, so it cannot open an account here. Verify it there, or register here."


class LoginTaken(Conflict):
    """The account at the provider belongs to somebody else here."""

    code = "login_taken"
    message = "This account at {label} belongs to another person here already."


class LastWayIn(Conflict):
    """Without a password the last login stays."""

    code = "last_way_in"
    message = "This is your only way in. Choose a password first, by a link to your address."


def choose(*, owner: str | None, asker: str | None, by_address: str | None, claims: Claims, label: str) -> Way:
    """Decide. `owner` has this login, `asker` wants to add it, `by_address` has its address; all are ids of people or None.

    An address alone opens no account that is there: whoever registered it first may not be who reads it, and one who runs a provider may claim any.
    """
    if asker is not None:
        if owner is not None and owner != asker:
            raise LoginTaken(label=label)
        return Way.ADD_LOGIN
    if owner is not None:
        return Way.ENTER
    if not claims.email or not claims.email_verified:
        raise AddressNotVouched(label=label, permission="sign_in")
    return Way.ASK_PASSWORD if by_address is not None else Way.NEW_PERSON


def safe_return(path: str) -> str:
    """Return a path of our own portal; anything that could lead elsewhere becomes the front page."""
    plain = path.isascii() and path.isprintable() and len(path) <= 500
    return path if plain and path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path else "/"
