"""Environments for other rooms and doors: register, list, find for a job; the centre's own are seeded from the locks shipped here."""

import sys
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from sqlalchemy.orm import Session

from wutong.compute.environments import rules, store
from wutong.compute.environments.rules import CENTRE, Environment, EnvironmentBroken, EnvironmentState, NoSuchEnvironment
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require, require_tenant, system_principal
from wutong.kit import clock, ids
from wutong.kit.database import notify
from wutong.kit.errors import NotFound
from wutong.kit.together import once

CHANNEL = "compute_environments"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

_SHIPPED = {
    "python-3.11": "Python and its standard library.",
    "sklearn": "scikit-learn, pandas, Pillow and their dependencies.",
    "torch-cpu": "PyTorch for processors, with NumPy and Pillow.",
}


def seed_environments(session: Session) -> list[Environment]:
    """Register the centre's own environments that are not there yet; safe to repeat. A changed lock becomes a new version."""
    who = system_principal("seed")
    return [
        _register(session, who, CENTRE, name, shipped_lock(name), description, build_at=clock.now() if name == rules.FIRST else rules.UNASKED)
        for name, description in _SHIPPED.items()
    ]


def shipped_lock(name: str) -> str:
    """Return the text of a lock that ships with the product."""
    return (files("wutong.compute.environments") / "locks" / f"{name}.txt").read_text()


def register_environment(session: Session, who: Principal, *, name: str, lock: str, description: str = "", for_centre: bool = False) -> Environment:
    """Register a lock under a name and have it built; the same lock again is the same version, and builds again if its build had failed.

    A tenant's own needs data.write, and a lock in which every requirement is pinned and hashed; the centre's own needs centre.operate.
    """
    rules.check_name(name)
    if for_centre:
        require(who, Permission.CENTRE_OPERATE)
        return _register(session, who, CENTRE, name, lock, description)
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    return _register(session, who, tenant_id, name, rules.check_lock(lock), description)


def list_environments(session: Session, who: Principal) -> list[Environment]:
    """Return the newest version of every environment the caller's tenant can use."""
    return store.list_for(session, require_tenant(who, Permission.JOB_READ))


def get_environment(session: Session, who: Principal, name: str) -> Environment:
    """Return the newest version of a name; raises `NotFound`."""
    found = store.find(session, require_tenant(who, Permission.JOB_READ), name)
    if found is None:
        raise NotFound(kind="environment", id=name)
    return found


def environment_for_job(session: Session, tenant_id: str, name: str) -> Environment:
    """Return what a job that names this gets; raises `NoSuchEnvironment` or `EnvironmentBroken` with the names that would work."""
    found = once(session, ("environment", tenant_id, name), lambda: store.find(session, tenant_id, name))
    if found is not None and found.state is not EnvironmentState.FAILED:
        return found
    usable = [other.name for other in store.list_for(session, tenant_id) if other.state is not EnvironmentState.FAILED]
    names = ", ".join(sorted(set(usable))) or "none yet"
    if found is None:
        raise NoSuchEnvironment(name=name, names=names)
    raise EnvironmentBroken(name=name, why=_last_line(found.log_tail), names=names)


def environment_by_id(session: Session, environment_id: str) -> Environment:
    """Return the version a job was accepted with; for loops."""
    return store.get(session, environment_id)


def request_build(session: Session, environment_id: str) -> Environment:
    """Have a version built that nobody has asked for yet, or whose folder is gone; one that is there or under way is left as it is."""
    environment = store.get(session, environment_id)
    unasked = environment.state is EnvironmentState.REGISTERED and environment.next_at >= rules.UNASKED
    gone = environment.state is EnvironmentState.READY and not Path(environment.path).is_dir()
    if unasked or gone:
        store.move(session, environment, {"state": EnvironmentState.REGISTERED, "tries": 0, "next_at": clock.now()})
        notify(session, CHANNEL)
    return store.get(session, environment_id)


def build_environment(session: Session, who: Principal, name: str) -> Environment:
    """Have the newest version of a name built now rather than when a job first needs it; raises `NotFound`."""
    return request_build(session, get_environment(session, who, name).id)


def _register(
    session: Session, who: Principal, tenant_id: str, name: str, lock: str, description: str, *, build_at: datetime | None = None
) -> Environment:
    now, digest = clock.now(), rules.lock_digest(lock, PYTHON)
    row = {"id": ids.new_id("env"), "tenant_id": tenant_id, "name": name, "digest": digest, "python": PYTHON, "lock": lock}
    empty = {"path": "", "log_tail": "", "tries": 0, "next_at": build_at or now, "size_bytes": 0, "built_at": None}
    first = {"description": description[:500], "state": EnvironmentState.REGISTERED, "registered_at": now}
    added = store.add(session, {**row, **empty, **first})
    environment = store.find_version(session, tenant_id, name, digest)
    if environment is None:
        raise NotFound(kind="environment", id=name)
    failed = environment.state is EnvironmentState.FAILED
    chosen = store.find(session, tenant_id, name)
    older = build_at is None and chosen is not None and chosen.id != environment.id  # a person goes back to an earlier lock; seeding does not
    if not added and (failed or older):
        anew = {"state": EnvironmentState.REGISTERED, "tries": 0, "next_at": now} if failed else {}
        store.move(session, environment, {"registered_at": now, **anew})
    if added or failed or older:
        after = {"name": name, "digest": digest}
        identity.audit(session, who, "environment.register", kind="environment", id=environment.id, tenant_id=tenant_id or None, after=after)
        notify(session, CHANNEL)
    return store.get(session, environment.id)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason was recorded"
