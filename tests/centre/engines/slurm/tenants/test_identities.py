"""UNIX users of tenants: made once, found by pattern, and never one for two."""

import grp
import os
import pwd
import subprocess

import pytest

from wutong.centre.engines.slurm.tenants.identities import ExistingIdentities, Identity, NoIdentity, PasswdIdentities, ensure_all
from wutong.kit.errors import Conflict

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes users")


@pytest.fixture
def passwd(tmp_path):
    identities = PasswdIdentities("t-ident", first_uid=270_000, lock=tmp_path / "lock")
    yield identities
    identities.remove_all()


@needs_root
def test_a_user_is_made_once_and_is_nobody_elses(passwd):
    first, second = passwd.ensure("甲"), passwd.ensure("乙")
    assert passwd.ensure("甲") == first
    assert (first.uid, second.uid) == (first.uid, first.uid + 1)
    assert first.uid >= 270_000
    assert first.private
    there = pwd.getpwnam(first.user)
    assert (there.pw_dir, there.pw_shell) == ("/nonexistent", "/usr/sbin/nologin")
    assert passwd.is_ours(first.user)
    assert not passwd.is_ours("root")
    assert subprocess.run(["passwd", "--status", first.user], capture_output=True, text=True, check=True).stdout.split()[1] == "L"


@needs_root
def test_a_name_that_somebody_else_has_is_not_taken(passwd):
    subprocess.run(["useradd", "--no-create-home", "--comment", "someone", passwd.user_name("丙")], check=True, capture_output=True)
    with pytest.raises(Conflict, match="not as the tenant 丙's"):
        passwd.ensure("丙")
    passwd.remove_all()
    assert pwd.getpwnam(passwd.user_name("丙")).pw_gecos == "someone"
    subprocess.run(["userdel", passwd.user_name("丙")], check=True, capture_output=True)


@needs_root
def test_a_lab_that_ends_leaves_no_users(passwd):
    user = passwd.ensure("甲").user
    group = passwd.find_group("甲", "p")
    passwd.remove_all()
    assert user not in {each.pw_name for each in pwd.getpwall()}
    assert not {user, group} & {value for each in grp.getgrall() for value in (each.gr_name, each.gr_gid)}
    passwd.remove_all()


@needs_root
def test_a_projects_group_holds_the_tenant(passwd):
    identity = passwd.ensure("甲")
    group = passwd.find_group("甲", "p")
    assert passwd.find_group("甲", "p") == group != identity.gid
    assert group in os.getgrouplist(identity.user, identity.gid)
    assert group not in os.getgrouplist(passwd.ensure("乙").user, 0)


@pytest.mark.parametrize("user", ["root", "daemon", "nobody-at-all"])
def test_no_tenant_is_one_of_the_systems_users(user):
    with pytest.raises(NoIdentity, match="its number must be 1000 or more"):
        ExistingIdentities("hpc-{tenant}", named={"x": user}).ensure("x")


def test_a_pattern_tells_whose_a_user_is():
    identities = ExistingIdentities("hpc-{tenant}-u", named={"x": "special"})
    assert identities.user_name("lab1") == "hpc-lab1-u"
    assert [user for user in ("hpc-lab1-u", "special", "hpc-", "xhpc-a-u", "hpc-A-u") if identities.is_ours(user)] == ["hpc-lab1-u", "special"]
    with pytest.raises(ValueError, match="all tenants would be one user"):
        ExistingIdentities("hpc")
    with pytest.raises(Conflict, match="There is no UNIX group g-lab1-p"):
        ExistingIdentities("hpc-{tenant}", group_pattern="g-{tenant}-{project}").find_group("lab1", "p")
    assert ExistingIdentities("hpc-{tenant}").find_group("lab1", "p") is None


class Given:
    makes_users = False

    def __init__(self, users):
        self.users = users

    def ensure(self, tenant):
        if tenant not in self.users:
            raise NoIdentity(kind="UNIX user", id=tenant, user=tenant, tenant=tenant, least=1000)
        return Identity(*self.users[tenant])


def test_two_tenants_never_share_a_user():
    found, problems = ensure_all(Given({"a": ("u", 2000, 2000), "b": ("u", 2000, 2000), "c": ("v", 2001, 2001)}), ["a", "b", "c", "d"])
    assert set(found) == {"c"}
    assert "have the same UNIX user u" in problems["a"]
    assert problems["a"] == problems["b"]
    assert "no UNIX user d" in problems["d"]
