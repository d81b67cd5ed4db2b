from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.identity.conftest import House

from wutong.identity import keys, service
from wutong.identity.rules import CentreRole, NoTenant, Permission, Role, SignInLocked
from wutong.kit.errors import Forbidden, Invalid, NotFound, Unauthenticated
from wutong.kit.paging import PageRequest

MAIL = "owner@example.cn"


def fail(session, times, *, email=MAIL, address="10.0.0.9"):
    for _ in range(times):
        service.record_sign_in(session, email, False, address)


def test_five_failures_lock_an_address_of_mail_for_a_quarter_of_an_hour(session, fake_clock):
    fail(session, 5)
    with pytest.raises(SignInLocked) as locked:
        service.check_sign_in(session, "Owner@Example.cn", "10.0.0.1")
    assert locked.value.params["retry_after_s"] == 900
    assert locked.value.status == 429
    with pytest.raises(SignInLocked):
        service.record_sign_in(session, MAIL, True, "10.0.0.1")
    service.check_sign_in(session, "somebody.else@example.cn", "10.0.0.9")
    fake_clock.advance(900)
    service.check_sign_in(session, MAIL, "10.0.0.1")


def test_a_success_forgives_the_failures_of_an_email(session, fake_clock):
    fail(session, 4)
    fake_clock.advance(1)
    service.record_sign_in(session, MAIL, True, "10.0.0.9")
    fake_clock.advance(1)
    fail(session, 4)
    service.check_sign_in(session, MAIL, "10.0.0.9")


def test_thirty_failures_lock_an_address_whatever_the_email(session, fake_clock):
    for number in range(30):
        fail(session, 1, email=f"p{number}@example.cn")
    with pytest.raises(SignInLocked):
        service.check_sign_in(session, "new@example.cn", "10.0.0.9")
    service.check_sign_in(session, "new@example.cn", "10.0.0.8")


def test_guessing_in_parallel_gains_nothing(database):
    """Twenty at once pass the first look; the lock is looked at again, one by one, and only five outcomes are ever told."""

    def guess(number):
        try:
            with database.session() as session:
                service.record_sign_in(session, MAIL, number == 19, f"10.0.1.{number}")
        except SignInLocked:
            return "locked"
        return "told"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(guess, range(20)))
    assert outcomes.count("told") == 5


def test_sessions_slide_and_end(session, house, fake_clock):
    owner = house.register("owner")
    opened, secret = service.open_session(session, owner.person_id)
    for _ in range(3):
        fake_clock.advance(13 * 86400)
        assert service.authenticate(session, secret).person_id == owner.person_id
    assert service.list_sessions(session, service.authenticate(session, secret)).items[0].expires_at == fake_clock.now() + timedelta(days=14)
    fake_clock.advance(14 * 86400)
    with pytest.raises(Unauthenticated):
        service.authenticate(session, secret)
    assert opened.tenant_id == owner.tenant_id


def test_use_is_noted_at_most_once_a_minute(session, house, fake_clock):
    owner = house.register("owner")
    _, secret = service.create_token(session, owner, name="ci")
    start = fake_clock.now()
    service.authenticate(session, secret)
    fake_clock.advance(30)
    service.authenticate(session, secret)
    assert service.list_tokens(session, owner).items[0].last_used_at == start
    fake_clock.advance(31)
    service.authenticate(session, secret)
    assert service.list_tokens(session, owner).items[0].last_used_at == start + timedelta(seconds=61)


def test_noting_use_never_waits_for_another_request(database, fake_clock):
    with database.session() as session:
        owner = House(session).register("owner")
        secret = service.create_token(session, owner, name="ci")[1]
    with database.session() as slow:
        service.authenticate(slow, secret)
        with database.session() as quick:
            assert service.authenticate(quick, secret).person_id == owner.person_id


def test_closing_a_session_ends_it_and_only_ones_own(session, house, owner):
    opened, secret = service.open_session(session, owner.person_id)
    who = service.authenticate(session, secret)
    with pytest.raises(NotFound):
        service.close_session(session, house.register("stranger"), opened.id)
    service.close_session(session, who)
    with pytest.raises(Unauthenticated):
        service.authenticate(session, secret)
    with pytest.raises(NotFound):
        service.close_session(session, who, opened.id)


def test_another_password_closes_the_other_sessions(session, house, owner):
    _, here = service.open_session(session, owner.person_id)
    _, elsewhere = service.open_session(session, owner.person_id)
    service.change_password(session, service.authenticate(session, here), "new hash")
    assert service.find_credentials(session, MAIL).password_hash == "new hash"
    assert service.authenticate(session, here)
    with pytest.raises(Unauthenticated):
        service.authenticate(session, elsewhere)


def test_a_session_cannot_look_into_a_tenant_it_is_no_member_of(session, house, owner):
    stranger = house.register("stranger")
    _, secret = service.open_session(session, owner.person_id)
    for hint in (stranger.tenant_id, "ten_unknown", "é"):
        with pytest.raises(NotFound):
            service.authenticate(session, secret, tenant_hint=hint)
    with pytest.raises(NotFound):
        service.open_session(session, owner.person_id, stranger.tenant_id)
    assert service.authenticate(session, secret, tenant_hint="none").tenant_id is None


@pytest.mark.parametrize(
    "secret", ["", "x", "wtk_" + "0" * 38, "wtj_something", keys.new_secret("wts_"), keys.new_secret("wtk_"), "wts_é"], ids=range(7)
)
def test_what_nobody_issued_opens_nothing(session, secret):
    with pytest.raises(Unauthenticated):
        service.authenticate(session, secret)


def test_a_token_has_its_scopes_and_never_more_than_the_person(session, house, owner):
    member = house.join(owner, "member", Role.MEMBER)
    token, secret = service.create_token(session, member, name="ci", scopes=frozenset({Permission.JOB_READ, Permission.JOB_SUBMIT}))
    who = service.authenticate(session, secret)
    assert (who.via, who.key_id, who.tenant_id) == ("token", token.id, owner.tenant_id)
    assert who.may(Permission.JOB_SUBMIT)
    assert not who.may(Permission.DATA_READ)
    with pytest.raises(Forbidden):
        service.create_token(session, member, name="more", scopes=frozenset({Permission.MONEY_SPEND}))
    with pytest.raises(Forbidden):
        service.create_token(session, who, name="from a token without the right")
    service.change_role(session, owner, member.person_id, Role.VIEWER)
    assert not service.authenticate(session, secret).may(Permission.JOB_SUBMIT)


def test_a_token_made_by_a_token_is_no_wider(session, house, owner):
    scopes = frozenset({Permission.TOKEN_MANAGE, Permission.JOB_READ})
    narrow = service.authenticate(session, service.create_token(session, owner, name="narrow", scopes=scopes)[1])
    assert service.create_token(session, narrow, name="child")[0].scopes == scopes


def test_tokens_end_by_time_revocation_and_leaving(session, house, fake_clock):
    owner = house.register("owner")
    member = house.join(owner, "member", Role.MEMBER)
    timed = service.create_token(session, member, name="timed", expires_at=fake_clock.now() + timedelta(hours=1))[1]
    revoked_token, revoked = service.create_token(session, member, name="revoked")
    kept = service.create_token(session, member, name="kept")[1]
    with pytest.raises(NotFound):
        service.revoke_token(session, house.register("stranger"), revoked_token.id)
    service.revoke_token(session, owner, revoked_token.id)
    fake_clock.advance(3600)
    for secret in (timed, revoked):
        with pytest.raises(Unauthenticated):
            service.authenticate(session, secret)
    assert service.authenticate(session, kept)
    service.remove_member(session, owner, member.person_id)
    with pytest.raises(Unauthenticated):
        service.authenticate(session, kept)
    with pytest.raises(Invalid):
        service.create_token(session, owner, name="past", expires_at=fake_clock.now())


def test_coming_back_does_not_revive_old_tokens(session, house, owner):
    member = house.join(owner, "member", Role.MEMBER)
    old = service.create_token(session, member, name="old")[1]
    service.remove_member(session, owner, member.person_id)
    house.join(owner, "member", Role.MEMBER)
    with pytest.raises(Unauthenticated):
        service.authenticate(session, old)


def test_members_see_their_own_tokens_and_managers_all(session, house, owner):
    member = house.join(owner, "member", Role.MEMBER)
    service.create_token(session, owner, name="of owner")
    service.create_token(session, member, name="of member")
    assert [token.name for token in service.list_tokens(session, member).items] == ["of member"]
    assert [token.name for token in service.list_tokens(session, owner, PageRequest(limit=1)).items] == ["of member"]
    assert len(service.list_tokens(session, owner).items) == 2


def test_a_token_of_the_centre_carries_the_centres_roles_and_a_tenants_does_not(session, house, owner, operator):
    secret = service.create_token(session, operator, name="ops", scopes=frozenset({Permission.CENTRE_READ}))[1]
    who = service.authenticate(session, secret)
    assert who.may(Permission.CENTRE_READ)
    assert not who.may(Permission.CENTRE_OPERATE)
    service.grant_centre_role(session, operator, owner.person_id, CentreRole.OPERATOR)
    both = house.enter(owner.person_id)
    assert both.may(Permission.CENTRE_OPERATE)
    assert not service.authenticate(session, service.create_token(session, both, name="mine")[1]).may(Permission.CENTRE_OPERATE)
    with pytest.raises(Invalid):
        service.create_token(session, both, name="both", scopes=frozenset({Permission.CENTRE_READ}))
    with pytest.raises(NotFound):
        service.authenticate(session, secret, tenant_hint=owner.tenant_id)


def test_nobody_without_tenant_or_office_makes_tokens(session, house, owner):
    viewer = house.join(owner, "viewer", Role.VIEWER)
    with pytest.raises(Forbidden):
        service.create_token(session, viewer, name="x")
    service.remove_member(session, viewer, viewer.person_id)
    with pytest.raises(NoTenant):
        service.create_token(session, house.enter(viewer.person_id), name="x")


def test_secrets_are_not_in_the_database(session, owner):
    from sqlalchemy import text

    secrets = [service.create_token(session, owner, name="x")[1], service.open_session(session, owner.person_id)[1]]
    secrets.append(service.invite(session, owner, "x@example.cn", Role.VIEWER)[1])
    for table in ("identity_token", "identity_session", "identity_invitation", "identity_audit"):
        rows = session.scalars(text(f"SELECT t::text FROM {table} t")).all()
        assert rows
        assert not any(secret in row for secret in secrets for row in rows)


def test_sweeping_removes_what_is_long_dead(session, house, fake_clock):
    owner = house.register("owner")
    fail(session, 2)
    fake_clock.advance(31 * 86400)
    fail(session, 1)
    _, fresh = service.open_session(session, owner.person_id)
    assert service.sweep(session) is False
    from sqlalchemy import text

    assert session.scalar(text("SELECT count(*) FROM identity_sign_in")) == 1
    assert service.authenticate(session, fresh)
    fake_clock.advance(14 * 86400 + 31 * 86400)
    service.sweep(session)
    assert session.scalar(text("SELECT count(*) FROM identity_session")) == 0
