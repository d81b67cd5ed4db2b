"""Runs a program as another user where root may not run it, and with no more right than it takes to reach its files.

PostgreSQL refuses to run as root. The user it runs as instead must reach its binaries and its folder; below a folder of mode 0700 (a checkout
made by `mktemp -d`, a home under /root) it cannot. Then the program gets one ambient capability: to search and read past modes, or, where
that is not enough or not to be had, to pass them by altogether.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wutong.kit.errors import Problem

_LADDER: tuple[tuple[str, ...], ...] = ((), ("dac_read_search",), ("dac_override",))


class CannotDropRoot(Problem):
    """Root cannot become the other user here, or that user cannot reach the files."""

    code = "cannot_drop_root"
    status = 500
    message = (
        "{program} refuses to run as root, and could not be run as the user {user}: {why} Run as an ordinary user, or make the folder reachable."
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """A user to run as. `prefix` goes before the argument list; it is empty when we are that user already."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()


def service_user() -> pwd.struct_passwd:
    """Return the passwd entry root hands services to: `wutong` when it exists, else `nobody`."""
    for name in ("wutong", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CannotDropRoot(program="The service", user="nobody", why="there is no such user.")


def identity_for(uid: int | None, works: Callable[[Identity], bool], *, program: str) -> Identity:
    """Return the identity with the fewest rights for which `works` says yes.

    `uid` is the owner of what is there already, None when nothing is. Without root the only identity is our own.
    """
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid())
    user = pwd.getpwuid(uid) if uid else service_user()
    if shutil.which("setpriv") is None:
        raise CannotDropRoot(program=program, user=user.pw_name, why="the program setpriv (of util-linux) is not installed.")
    for capabilities in _LADDER:
        identity = Identity(user.pw_uid, user.pw_gid, _setpriv(user, capabilities))
        if works(identity):
            return identity
    raise CannotDropRoot(program=program, user=user.pw_name, why="it cannot reach the files.")


def succeeds(argv: Sequence[str]) -> bool:
    """Tell whether a quick command exits with 0 and has no complaint to make."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False, cwd="/")
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and not done.stderr


def _setpriv(user: pwd.struct_passwd, capabilities: Sequence[str]) -> tuple[str, ...]:
    given = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    # access(2) sets ambient capabilities aside for anyone but root, and PostgreSQL asks it about its own binaries, unless this bit is set.
    keep = ("--securebits=+no_setuid_fixup",) if capabilities else ()
    return (
        "setpriv",
        *keep,
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        f"--inh-caps={given}",
        f"--ambient-caps={given}",
        "--no-new-privs",
        "--",
    )
