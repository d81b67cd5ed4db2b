"""Environments as plain values, and the reading of requirements locks: what a tenant may have built. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from wutong.kit.errors import Invalid

MAX_LOCK_BYTES = 1024 * 1024
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,47}")
CENTRE = ""
MAX_TRIES = 3
FIRST = "python-3.11"
UNASKED = datetime(9999, 1, 1, tzinfo=UTC)
"""When an environment is built that no job has needed yet: large ones are built on demand."""

_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*(\s*;.*)?")
_HASH = re.compile(r"--hash=sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})")


class EnvironmentState(StrEnum):
    """Where a version of an environment stands."""

    REGISTERED = "registered"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


# From each state, the states an environment may move to; a build that was killed begins again, a failed one when it is registered anew.
MOVES: Mapping[EnvironmentState, frozenset[EnvironmentState]] = {
    EnvironmentState.REGISTERED: frozenset({EnvironmentState.BUILDING}),
    EnvironmentState.BUILDING: frozenset({EnvironmentState.BUILDING, EnvironmentState.REGISTERED, EnvironmentState.READY, EnvironmentState.FAILED}),
    EnvironmentState.READY: frozenset({EnvironmentState.REGISTERED}),
    EnvironmentState.FAILED: frozenset({EnvironmentState.REGISTERED}),
}


@dataclass(frozen=True, slots=True)
class Environment:
    """A version of a named environment. `digest` is of its lock; `tenant_id` is "" for the centre's own."""

    id: str
    tenant_id: str
    name: str
    digest: str
    python: str
    lock: str
    description: str
    state: EnvironmentState
    path: str
    log_tail: str
    tries: int
    next_at: datetime
    size_bytes: int
    registered_at: datetime
    built_at: datetime | None


class NoSuchEnvironment(Invalid):
    """A job asks for an environment that is not there for this tenant."""

    code = "no_such_environment"
    message = "environment: there is no environment {name}. These are there: {names}."


class EnvironmentBroken(Invalid):
    """A job asks for an environment whose build failed."""

    code = "environment_broken"
    message = "environment: {name} could not be built ({why}). Register it again with another lock, or choose one of: {names}."


def lock_digest(lock: str, python: str) -> str:
    """Return the sha256 of a lock's meaning: comments and blank lines do not count, the interpreter's version does."""
    lines = [line.rstrip() for line in lock.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return hashlib.sha256("\n".join([python, *lines]).encode()).hexdigest()


def check_name(name: str) -> str:
    """Return the name of an environment, or raise `Invalid`."""
    if not NAME.fullmatch(name):
        raise Invalid(field="name", reason="Use up to 48 small letters, digits, dots and dashes, such as vision-2.")
    return name


def check_lock(lock: str) -> str:
    """Return a tenant's lock when every line is a pinned requirement with hashes, else raise `Invalid` with what would work.

    Wheels named by address or file, other indexes, options and unpinned names are refused: building runs no code but an installer that
    unpacks wheels whose hashes were given.
    """
    if len(lock.encode()) > MAX_LOCK_BYTES:
        raise Invalid(field="lock", reason="A lock has at most 1 MiB. Leave out what jobs do not import.")
    for requirement in _joined(lock):
        words = re.split(r"\s+(?=--)", requirement)
        if not _PINNED.fullmatch(words[0].strip()):
            raise Invalid(field="lock", reason=f"{requirement[:80]!r} is not a pinned requirement. {_HOW}")
        if len(words) == 1 or not all(_HASH.fullmatch(word.strip()) for word in words[1:]):
            raise Invalid(field="lock", reason=f"{words[0].strip()[:80]!r} has no sha256 hash. {_HOW}")
    return lock


_HOW = "Make the lock with: uv pip compile --generate-hashes --python-version 3.11 requirements.in"


def _joined(lock: str) -> list[str]:
    """Return the requirements, lines that end in a backslash joined, comments and blank lines left out."""
    text = re.sub(r"\\\r?\n", " ", lock)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]
