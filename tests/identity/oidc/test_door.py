"""Signing in through a real OpenID Connect provider, a process of its own on loopback."""

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import text
from tests.identity.conftest import House
from tests.identity.oidc.provider import running_provider

from wutong.identity import service
from wutong.identity.oidc.door import OidcDoor
from wutong.identity.oidc.rules import AddressNotVouched, FlowGone, LastWayIn, LoginTaken, NoSuchProvider, Outcome, ProviderAway, ProviderRefused
from wutong.identity.passwords import hash_password
from wutong.identity.rules import WrongCredentials
from wutong.kit.settings import Settings

BACK = "https://ai.example.cn/oidc/back"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """A provider that runs."""
    with running_provider(tmp_path_factory.mktemp("provider")) as url:
        yield url


def make_door(database, home, issuer, **changes):
    provider = {"name": "campus", "label": "Campus", "issuer": issuer, "client_id": "wutong", "client_secret": "s3cret", **changes}
    return OidcDoor(database, Settings(home=home, oidc=[provider]))


@pytest.fixture
def door(database, home, issuer):
    return make_door(database, home, issuer)


def consent(start, subject, issuer, **claims):
    """Sign in at the provider as a browser would; returns the query it sends the browser back with."""
    httpx2.put(f"{issuer}/users/{subject}", json=claims, timeout=30).raise_for_status()
    answer = httpx2.post(start.url, data={"sub": subject}, timeout=30)
    assert answer.is_redirect, answer.text
    back = urlsplit(answer.headers["location"])
    assert answer.headers["location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(back.query).items()}


def round_trip(door, issuer, subject, *, person_id=None, **claims):
    start = door.begin("campus", redirect_uri=BACK, return_to="/jobs", person_id=person_id)
    back = consent(start, subject, issuer, **claims)
    return door.finish(code=back["code"], state=back["state"], cookie=start.state, address="10.0.0.1", device="Firefox, Linux")


def who(database, secret):
    with database.session() as session:
        return service.authenticate(session, secret)


VOUCHED = {"email": "li@example.cn", "email_verified": True, "name": "Li Hua"}


def test_somebody_new_becomes_a_person_and_comes_back_as_the_same(door, issuer, database):
    done = round_trip(door, issuer, "li", **VOUCHED)
    assert (done.outcome, done.return_to, done.email) == (Outcome.SIGNED_IN, "/jobs", "li@example.cn")
    first = who(database, done.secret)
    assert (first.name, first.tenant_id) == ("Li Hua", None)
    again = who(database, round_trip(door, issuer, "li", **{**VOUCHED, "email": "moved@example.cn"}).secret)
    assert again.person_id == first.person_id
    with database.session() as session:
        (login,) = service.list_logins(session, again)
        assert (login.provider, login.email) == ("campus", "moved@example.cn")
        with pytest.raises(LastWayIn):
            service.remove_login(session, again, login.id)


def test_a_known_address_needs_its_password_once_and_never_again(door, issuer, database):
    with database.session() as session:
        owner = House(session).register("owner")
        session.execute(text("UPDATE identity_person SET password_hash = :hash"), {"hash": hash_password("a long enough one")})
    claims = {**VOUCHED, "email": "Owner@Example.cn"}
    done = round_trip(door, issuer, "owner-at-campus", **claims)
    assert (done.outcome, done.secret, done.email) == (Outcome.PASSWORD_NEEDED, None, "owner@example.cn")
    with pytest.raises(WrongCredentials):
        door.link(done.link, "a wrong password")
    linked = door.link(done.link, "a long enough one")
    assert linked.outcome is Outcome.LINKED
    assert who(database, linked.secret).person_id == owner.person_id
    with pytest.raises(FlowGone):
        door.link(done.link, "a long enough one")
    after = round_trip(door, issuer, "owner-at-campus", **claims)
    assert (after.outcome, who(database, after.secret).person_id) == (Outcome.SIGNED_IN, owner.person_id)
    with database.session() as session:
        service.remove_login(session, owner, service.list_logins(session, owner)[0].id)
        assert service.list_logins(session, owner) == []


def test_somebody_signed_in_adds_a_login_and_nobody_elses(door, issuer, database):
    with database.session() as session:
        house = House(session)
        owner, other = house.register("owner"), house.register("other")
    assert round_trip(door, issuer, "mine", person_id=owner.person_id).outcome is Outcome.LINKED
    assert who(database, round_trip(door, issuer, "mine").secret).person_id == owner.person_id
    with pytest.raises(LoginTaken):
        round_trip(door, issuer, "mine", person_id=other.person_id)


@pytest.mark.parametrize("claims", [{}, {"email": "li@example.cn"}, {"email": "li@example.cn", "email_verified": False}])
def test_an_address_nobody_vouches_for_opens_nothing(door, issuer, claims):
    with pytest.raises(AddressNotVouched):
        round_trip(door, issuer, f"unvouched-{len(claims)}", **{"email": None, **claims})


def test_a_round_trip_belongs_to_its_browser_and_happens_once(door, issuer):
    start = door.begin("campus", redirect_uri=BACK)
    back = consent(start, "li", issuer, **VOUCHED)
    for cookie in ("", "another", start.state[:-1]):
        with pytest.raises(FlowGone):
            door.finish(code=back["code"], state=back["state"], cookie=cookie)
    assert door.finish(code=back["code"], state=back["state"], cookie=start.state).outcome is Outcome.SIGNED_IN
    with pytest.raises(FlowGone):
        door.finish(code=back["code"], state=back["state"], cookie=start.state)


def test_a_code_of_another_round_trip_is_refused(door, issuer):
    """The nonce and the verifier are those of one round trip: a stolen code does not fit into another."""
    mine, theirs = door.begin("campus", redirect_uri=BACK), door.begin("campus", redirect_uri=BACK)
    stolen = consent(theirs, "li", issuer, **VOUCHED)["code"]
    with pytest.raises(ProviderRefused):
        door.finish(code=stolen, state=mine.state, cookie=mine.state)


def test_the_address_binds_code_state_and_nonce(door):
    start = door.begin("campus", redirect_uri=BACK)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(start.url).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert asked["state"] == start.state
    assert {"code_challenge", "nonce"} <= asked.keys()
    assert asked["scope"] == "openid email profile"


def test_what_the_provider_refuses_and_what_nobody_knows(door, database, home):
    start = door.begin("campus", redirect_uri=BACK)
    with pytest.raises(ProviderRefused, match="access_denied"):
        door.finish(code="", state=start.state, cookie=start.state, error="access_denied")
    with pytest.raises(NoSuchProvider):
        door.begin("nowhere", redirect_uri=BACK)
    with pytest.raises(ProviderAway):
        make_door(database, home, "http://127.0.0.1:1").begin("campus", redirect_uri=BACK)
    with pytest.raises(ProviderAway, match="https"):
        make_door(database, home, "http://provider.example").begin("campus", redirect_uri=BACK)
    assert door.providers() == [("campus", "Campus")]


def test_a_token_for_another_client_is_refused(door, issuer, database, home):
    """What one client of the provider got is worth nothing to another."""
    start = door.begin("campus", redirect_uri=BACK)
    back = consent(start, "li", issuer, **VOUCHED)
    other = make_door(database, home, issuer, client_id="somebody-else")
    with pytest.raises(ProviderRefused):
        other.finish(code=back["code"], state=back["state"], cookie=start.state)
