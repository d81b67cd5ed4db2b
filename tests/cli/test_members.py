"""Inviting and joining at the keyboard: newcomers and people known already, invitations withdrawn, limits for a person."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flows.stage import Person, Tenant, open_tenant

from wutong.app.trial import TrialCentre


@pytest.fixture(scope="module")
def tenant(centre: TrialCentre) -> Iterator[Tenant]:
    """One tenant for all of these: a centre lets an address sign in only so often."""
    with open_tenant(centre) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def owner(centre: TrialCentre, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The tenant's owner at a keyboard, signed in by token."""
    return Person(centre, tmp_path_factory.mktemp("owner"), {"WUTONG_TOKEN": tenant.account.token})


def somebody(owner: Person, tmp_path: Path) -> tuple[Person, str]:
    """Another person at another keyboard, and their address."""
    folder = tmp_path / secrets.token_hex(4)
    folder.mkdir()
    return Person(owner.centre, folder), f"wang-{secrets.token_hex(4)}@tenant.example"


def test_a_newcomer_joins_by_invitation(owner: Person, tmp_path: Path):
    wang, email = somebody(owner, tmp_path)
    secret = owner.ask("member", "invite", email, "--role", "viewer")["secret"]
    assert [(i["email"], i["role"]) for i in owner.ask("member", "invitations")] == [(email, "viewer")]
    assert email in owner.quick("member", "invitations").out
    assert "You are new to this centre: add --person" in wang.quick("join", secret, status=1).err
    assert "You are viewer of Tenant" in wang.quick("join", "-", "--person", "Wang", typed=f"{secret}\n").out
    assert wang.ask("whoami")["email"] == email
    assert owner.ask("member", "invitations") == []
    assert "This invitation is not valid any more." in wang.quick("join", secret, status=1).err


def test_a_member_elsewhere_joins_and_chooses_whom_to_act_for(owner: Person, tenant: Tenant, stranger: Tenant, tmp_path: Path):
    wang, email = somebody(owner, tmp_path)
    wang.quick("join", owner.ask("member", "invite", email)["secret"], "--person", "Wang")
    other = Person(owner.centre, tmp_path, {"WUTONG_TOKEN": stranger.account.token})
    said = wang.quick("join", other.ask("member", "invite", email)["secret"]).out
    assert f"`wutong login --tenant {stranger.account.tenant_id}`" in said
    assert f"Stranger ({stranger.account.tenant_id})" in wang.quick("whoami").out
    wang.quick("login", "--email", email, "--tenant", stranger.account.tenant_id)
    assert wang.ask("whoami")["tenant_id"] == stranger.account.tenant_id
    wang.quick("login", "--email", email)
    assert wang.ask("whoami")["tenant_id"] == tenant.account.tenant_id
    assert "A token acts for" in wang.quick("login", "--token", "wtk_x", "--tenant", "ten_x", status=1).err


def test_an_invitation_is_withdrawn(owner: Person, tmp_path: Path):
    wang, email = somebody(owner, tmp_path)
    secret = owner.ask("member", "invite", email)["secret"]
    assert "Add --yes" in owner.quick("member", "uninvite", email, status=1).err
    owner.quick("member", "uninvite", email.upper(), "--yes")
    assert "This invitation is not valid any more." in wang.quick("join", secret, "--person", "Wang", status=1).err
    assert f"No invitation to {email} is open." in owner.quick("member", "uninvite", email, "--yes", status=1).err
    assert "There is no invitation inv_none" in owner.quick("member", "uninvite", "inv_none", "--yes", status=1).err


def test_a_limit_is_set_and_removed(owner: Person, tmp_path: Path):
    wang, email = somebody(owner, tmp_path)
    wang.quick("join", owner.ask("member", "invite", email)["secret"], "--person", "Wang")
    assert f"{email} may spend ¥20.00 a month." in owner.quick("budget", "set", "20", "--person", email).out
    assert owner.quick("budget", "set", "50", "--json").json["limit_fen"] == 5000
    assert [b["limit_fen"] for b in owner.ask("budget", "ls")] == [5000, 2000]
    assert "Add --yes" in owner.quick("budget", "rm", status=1).err
    owner.quick("budget", "rm", "--yes")
    owner.quick("budget", "rm", "--person", email, "--yes")
    assert owner.ask("budget", "ls") == []
    assert "There is no budget" in owner.quick("budget", "rm", "--yes", status=1).err
    assert "does not allow" in wang.quick("budget", "rm", "--yes", status=1).err
