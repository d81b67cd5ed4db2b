"""All tenants as one UNIX user: for a cluster whose tenants trust each other, or one where only we ourselves may submit."""

import os
import pwd

from wutong.centre.engines.slurm.tenants.identities import Identity
from wutong.kit.errors import NotFound


class OneUser:
    """Gives every tenant the same user; without a name that is the one this process runs as, which must not be root."""

    makes_users = False

    def __init__(self, user: str | None = None) -> None:
        self._user = user

    def user_name(self, tenant: str) -> str:
        """Return the one user's name."""
        del tenant
        return self._user or pwd.getpwuid(os.geteuid()).pw_name

    def ensure(self, tenant: str) -> Identity:
        """Return the one user. Raises NotFound where it is not there, or is root."""
        name = self.user_name(tenant)
        try:
            there = pwd.getpwnam(name)
        except KeyError:
            there = None
        if there is None or there.pw_uid == 0:
            raise NotFound(kind="UNIX user", id=name)
        return Identity(name, there.pw_uid, there.pw_gid)

    def find_group(self, tenant: str, project: str) -> int | None:
        """Return nothing: projects have no groups here."""
        del tenant, project
        return None

    def is_ours(self, user: str) -> bool:
        """Tell whether a user is the one."""
        return user == self.user_name("")
