"""The UNIX user each tenant's jobs run as, and the groups of its projects: made on this host, or made by the site and only found here.

While a centre lives users are not removed, nor their numbers given to another tenant: files that an old user owned would become the new one's.
"""

import fcntl
import grp
import hashlib
import pwd
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wutong.centre.engines.slurm.tenants.names import slug
from wutong.kit.errors import Conflict, NotFound

FIRST_TENANT_UID = 1000  # below are the system's own users, whose files and daemons no tenant may have


class NoIdentity(NotFound):
    """A tenant has no UNIX user."""

    code = "no_unix_user"
    message = (
        "There is no UNIX user {user} for the tenant {tenant}. Ask whoever keeps the cluster's users to make it; its number must be {least} or more."
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """A UNIX user and its first group, which is `private` when nobody else is in it."""

    user: str
    uid: int
    gid: int
    private: bool = False


class Identities(Protocol):
    """Where tenants' UNIX users come from. `makes_users` tells whether `ensure` makes those that are not there."""

    makes_users: bool

    def user_name(self, tenant: str) -> str:
        """Return the name of the tenant's user, whether it is there or not."""

    def ensure(self, tenant: str) -> Identity:
        """Return the tenant's user, making it where that is ours to do. Raises a Problem that says what to do."""

    def find_group(self, tenant: str, project: str) -> int | None:
        """Return the number of the group of a project, making it where that is ours to do; None where projects have no groups. Raises a Problem."""

    def is_ours(self, user: str) -> bool:
        """Tell by its name whether a user is a tenant's."""


def ensure_all(identities: Identities, tenants: Iterable[str]) -> tuple[dict[str, Identity], dict[str, str]]:
    """Return the users of tenants, and for tenants without one the reason. Two tenants with one user get none."""
    found: dict[str, Identity] = {}
    problems: dict[str, str] = {}
    owners: dict[int, str] = {}
    for tenant in tenants:
        try:
            identity = identities.ensure(tenant)
        except (NoIdentity, Conflict) as problem:
            problems[tenant] = problem.sentence()
            continue
        other = owners.setdefault(identity.uid, tenant)
        if other != tenant:
            problems[tenant] = problems[other] = f"{tenant} and {other} have the same UNIX user {identity.user}; each needs its own."
            found.pop(other, None)
        else:
            found[tenant] = identity
    return found, problems


class PasswdIdentities:
    """Makes users in this host's /etc/passwd: for a lab, or a cluster that is one host. The comment field says whose a user is."""

    makes_users = True

    def __init__(self, centre: str, *, first_uid: int = 200_000, lock: Path = Path("/run/lock/wutong-users")) -> None:
        self._centre = centre
        self._first_uid = first_uid
        self._lock = lock
        self._prefix = f"{slug(centre)[:10]}-"

    def user_name(self, tenant: str) -> str:
        """Return the name, which follows from the tenant's. UNIX names are short, so it is a hash."""
        return self._prefix + _digest(self._centre, tenant)

    def ensure(self, tenant: str) -> Identity:
        """Return the tenant's user, and make it first where it is not there."""
        name, comment = self.user_name(tenant), self._comment(tenant)
        there = _find_user(name)
        if there is None:
            with _alone(self._lock):
                if (there := _find_user(name)) is None:
                    there = self._make_user(name, comment)
        if there.pw_gecos != comment:
            raise Conflict(reason=f"The user {name} is there, but not as the tenant {tenant}'s ({there.pw_gecos!r}). Rename it.")
        return _identity(there, tenant)

    def find_group(self, tenant: str, project: str) -> int | None:
        """Return the project's group with the tenant's user in it, and make it first where it is not there."""
        user = self.ensure(tenant).user
        name = f"{self._prefix}{_digest(self._centre, tenant, project)}g"
        with _alone(self._lock):
            there = _find_group(name)
            if there is None:
                _call("groupadd", "--gid", str(self._free_number()), name)
            if there is None or user not in there.gr_mem:
                _call("usermod", "--append", "--groups", name, user)
        return grp.getgrnam(name).gr_gid

    def is_ours(self, user: str) -> bool:
        """Tell by its name whether a user is a tenant's."""
        return re.fullmatch(re.escape(self._prefix) + "[0-9a-f]{10}", user) is not None

    def remove_all(self) -> None:
        """Remove every user and group that was made for this centre. For labs and demonstrations that end, when their files are gone."""
        with _alone(self._lock):
            for user in [each for each in pwd.getpwall() if self.is_ours(each.pw_name) and each.pw_gecos.startswith(self._comment(""))]:
                _call("userdel", user.pw_name)
            for group in [each for each in grp.getgrall() if self.is_ours(each.gr_name.removesuffix("g")) and each.gr_gid >= self._first_uid]:
                _call("groupdel", group.gr_name)

    def _comment(self, tenant: str) -> str:
        return f"{slug(self._centre)} tenant {slug(tenant) if tenant else ''}"

    def _make_user(self, name: str, comment: str) -> pwd.struct_passwd:
        number = str(self._free_number())
        _call("groupadd", "--gid", number, name)
        where = ("--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin")
        # The limits of login.defs are for people; numbers above them are what is wanted here.
        _call("useradd", "--uid", number, "--gid", number, *where, "--comment", comment, "--key", f"UID_MAX={2**31 - 2}", name)
        return pwd.getpwnam(name)

    def _free_number(self) -> int:
        """Return the number after the highest there is: users are not removed, so none is given twice."""
        used = [user.pw_uid for user in pwd.getpwall()] + [group.gr_gid for group in grp.getgrall()]
        return max([self._first_uid - 1, *(number for number in used if self._first_uid <= number < self._first_uid + 1_000_000)]) + 1


class ExistingIdentities:
    """Finds users that the site makes (LDAP, SSSD, ...) by a pattern such as `hpc-{tenant}`; groups likewise by `{tenant}` and `{project}`."""

    makes_users = False

    def __init__(self, user_pattern: str, *, group_pattern: str = "", named: Mapping[str, str] | None = None) -> None:
        if "{tenant}" not in user_pattern:
            raise ValueError("The pattern for users must hold {tenant}, or all tenants would be one user.")
        self._user_pattern = user_pattern
        self._group_pattern = group_pattern
        self._named = dict(named or {})

    def user_name(self, tenant: str) -> str:
        """Return the name by the list, or else by the pattern."""
        return self._named.get(tenant) or self._user_pattern.format(tenant=slug(tenant))

    def ensure(self, tenant: str) -> Identity:
        """Return the tenant's user. Raises NoIdentity."""
        user = self.user_name(tenant)
        there = _find_user(user)
        if there is None or min(there.pw_uid, there.pw_gid) < FIRST_TENANT_UID:
            raise NoIdentity(kind="UNIX user", id=user, user=user, tenant=tenant, least=FIRST_TENANT_UID)
        return _identity(there, tenant)

    def find_group(self, tenant: str, project: str) -> int | None:
        """Return the project's group, or None where the site has none for projects. Raises Conflict."""
        if not self._group_pattern:
            return None
        name = self._group_pattern.format(tenant=slug(tenant), project=slug(project))
        there = _find_group(name)
        if there is None or there.gr_gid < FIRST_TENANT_UID:
            raise Conflict(reason=f"There is no UNIX group {name} for the project {project}. Ask whoever keeps the cluster's groups to make it.")
        return there.gr_gid

    def is_ours(self, user: str) -> bool:
        """Tell by its name whether a user is a tenant's."""
        head, _, tail = self._user_pattern.partition("{tenant}")
        return user in self._named.values() or re.fullmatch(f"{re.escape(head)}[a-z0-9][a-z0-9_-]*{re.escape(tail)}", user) is not None


def _identity(there: pwd.struct_passwd, tenant: str) -> Identity:
    if there.pw_uid < FIRST_TENANT_UID:
        raise NoIdentity(kind="UNIX user", id=there.pw_name, user=there.pw_name, tenant=tenant, least=FIRST_TENANT_UID)
    return Identity(there.pw_name, there.pw_uid, there.pw_gid, _is_private(there))


def _is_private(user: pwd.struct_passwd) -> bool:
    """Members by their first group are listed nowhere, so the group must also be named as the user is."""
    try:
        group = grp.getgrgid(user.pw_gid)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:10]


def _find_user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _find_group(name: str) -> grp.struct_group | None:
    try:
        return grp.getgrnam(name)
    except KeyError:
        return None


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _call(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise Conflict(reason=f"{argv[0]} failed: {done.stderr.strip()[:300]}")
