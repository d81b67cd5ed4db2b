"""A browser's round trip through a provider. Providers are asked with no transaction open, so it opens short ones of its own: call it in a thread."""

import hmac
import secrets
from dataclasses import dataclass

from wutong.identity import access, keys, passwords
from wutong.identity import store as people
from wutong.identity.oidc import service, store
from wutong.identity.oidc.provider import Provider
from wutong.identity.oidc.rules import FLOW_LIFE, Claims, Flow, FlowGone, NoSuchProvider, Outcome, ProviderRefused, Way, choose, safe_return
from wutong.identity.rules import WrongCredentials
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.settings import Settings


@dataclass(frozen=True, slots=True)
class OidcStart:
    """Where to send the browser, and the state to leave with it as a cookie."""

    url: str
    state: str


@dataclass(frozen=True, slots=True)
class OidcDone:
    """How a round trip ended: `secret` opens a session; `link` names what waits for the password of whoever has `email`."""

    outcome: Outcome
    return_to: str
    email: str
    secret: str | None = None
    link: str | None = None


class OidcDoor:
    """The providers of a centre. Keep one for the life of a process: it remembers what providers say of themselves."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._providers = {each.name: Provider(each) for each in settings.oidc}

    def providers(self) -> list[tuple[str, str]]:
        """Return name and label of each provider, in the order of the settings."""
        return [(name, provider.settings.label) for name, provider in self._providers.items()]

    def begin(self, name: str, *, redirect_uri: str, return_to: str = "/", person_id: str | None = None) -> OidcStart:
        """Begin to sign in, or to add a login to the person named. Raises `NoSuchProvider`, `ProviderAway`."""
        provider, state = self._provider(name), secrets.token_urlsafe(32)
        flow = Flow(name, secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect_uri, safe_return(return_to), person_id)
        url = provider.address(flow, state)
        with self._database.session() as session:
            store.add_flow(session, keys.digest(state), flow, clock.now() + FLOW_LIFE)
        return OidcStart(url, state)

    def finish(self, *, code: str, state: str, cookie: str, error: str = "", address: str = "", device: str = "") -> OidcDone:
        """End what `begin` began, with what the provider sent back and the cookie left then: both must say the same state.

        Raises `FlowGone`, `ProviderRefused`, `ProviderAway`, `AddressNotVouched`, `LoginTaken`.
        """
        if not state or not hmac.compare_digest(state.encode(), cookie.encode()):
            raise FlowGone
        with self._database.session() as session:
            flow = store.take_flow(session, keys.digest(state), clock.now())
        if flow is None:
            raise FlowGone
        provider = self._provider(flow.provider)
        if error or not code:
            raise ProviderRefused(label=provider.settings.label, reason=error[:100] or "no code")
        claims = provider.claims(code, flow)
        return self._settle(flow, claims, provider.settings.label, address, device)

    def link(self, link: str, password: str, *, address: str = "", device: str = "") -> OidcDone:
        """Make a login one's own by the password of the account, once; wrong ones count towards the lock of sign-in. Raises `FlowGone`."""
        digest = keys.digest(link)
        with self._database.session() as session:
            found = store.find_link(session, digest, clock.now())
            person = people.find_person(session, found.person_id) if found else None
            if found is None or person is None:
                raise FlowGone
            access.check_sign_in(session, person.email, address)
            known = access.find_credentials(session, person.email)
            claims, provider, return_to = Claims(found.subject, found.email, email_verified=True, name=""), found.provider, found.return_to
        fits = passwords.verify_password(password, known.password_hash if known else None)
        with self._database.session() as session:
            access.record_sign_in(session, person.email, fits, address)
            if fits:
                if not store.take_link(session, digest):
                    raise FlowGone
                service.put_login(session, person.id, provider, claims, label=self._provider(provider).settings.label, address=address)
                secret = access.open_session(session, person.id, None, address, device)[1]
                return OidcDone(Outcome.LINKED, return_to, claims.email, secret)
        raise WrongCredentials

    def _settle(self, flow: Flow, claims: Claims, label: str, address: str, device: str) -> OidcDone:
        with self._database.session() as session:
            login = store.find_login(session, flow.provider, claims.subject)
            owner = login.person_id if login else None
            same = people.find_person_by_email(session, claims.email) if claims.email and owner is None else None
            way = choose(owner=owner, asker=flow.person_id, by_address=same[0].id if same else None, claims=claims, label=label)
            if way is Way.ADD_LOGIN and flow.person_id is not None:
                service.put_login(session, flow.person_id, flow.provider, claims, label=label, address=address)
                return OidcDone(Outcome.LINKED, flow.return_to, claims.email)
            if way is Way.ASK_PASSWORD and same is not None:
                link = service.ask_password(session, flow, claims, same[0].id)
                return OidcDone(Outcome.PASSWORD_NEEDED, flow.return_to, claims.email, link=link)
            secret = service.enter(session, way, flow, claims, owner=owner, label=label, address=address, device=device)
            return OidcDone(Outcome.SIGNED_IN, flow.return_to, claims.email, secret)

    def _provider(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            raise NoSuchProvider(id=name, kind="provider")
        return provider
