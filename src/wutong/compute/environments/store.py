"""All SQL of environments."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, bindparam, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from wutong.compute.environments.rules import CENTRE, Environment, EnvironmentState
from wutong.compute.environments.tables import EnvironmentRow

ENVIRONMENT: Any = EnvironmentRow.__table__


_OWN = ENVIRONMENT.c.tenant_id.in_([bindparam("tenant"), bindparam("centre")])
_FIND = select(ENVIRONMENT).where(_OWN, ENVIRONMENT.c.name == bindparam("name"))
_FIND = _FIND.order_by(ENVIRONMENT.c.tenant_id == bindparam("centre"), ENVIRONMENT.c.registered_at.desc()).limit(1)


def to_environment(row: RowMapping) -> Environment:
    """Make the plain type of a row."""
    return Environment(**{**row, "state": EnvironmentState(row["state"])})


def add(session: Session, row: Mapping[str, Any]) -> bool:
    """Write a new environment; False when this lock is registered under this name already."""
    new = insert(ENVIRONMENT).values(row).on_conflict_do_nothing().returning(ENVIRONMENT.c.id)
    return session.execute(new).first() is not None


def find(session: Session, tenant_id: str, name: str) -> Environment | None:
    """Return the newest version of a name: the tenant's own before the centre's."""
    row = session.execute(_FIND, {"tenant": tenant_id, "centre": CENTRE, "name": name}).mappings().first()
    return None if row is None else to_environment(row)


def find_version(session: Session, tenant_id: str, name: str, digest: str) -> Environment | None:
    """Return the version of a name that has this lock."""
    query = select(ENVIRONMENT).where(ENVIRONMENT.c.tenant_id == tenant_id, ENVIRONMENT.c.name == name, ENVIRONMENT.c.digest == digest)
    row = session.execute(query).mappings().first()
    return None if row is None else to_environment(row)


def get(session: Session, environment_id: str) -> Environment:
    """Return one that is known to be there."""
    return to_environment(session.execute(select(ENVIRONMENT).where(ENVIRONMENT.c.id == environment_id)).mappings().one())


def list_for(session: Session, tenant_id: str | None) -> list[Environment]:
    """Return the newest version of every name a tenant can use (of all tenants with None)."""
    query = select(ENVIRONMENT).ext(distinct_on(ENVIRONMENT.c.tenant_id, ENVIRONMENT.c.name))
    if tenant_id is not None:
        query = query.where(ENVIRONMENT.c.tenant_id.in_([tenant_id, CENTRE]))
    query = query.order_by(ENVIRONMENT.c.tenant_id, ENVIRONMENT.c.name, ENVIRONMENT.c.registered_at.desc())
    return [to_environment(row) for row in session.execute(query).mappings()]


def due(session: Session, now: datetime) -> Environment | None:
    """Return the environment to build next."""
    states: Sequence[str] = (EnvironmentState.REGISTERED, EnvironmentState.BUILDING)
    query = select(ENVIRONMENT).where(ENVIRONMENT.c.state.in_(states), ENVIRONMENT.c.next_at <= now)
    row = session.execute(query.order_by(ENVIRONMENT.c.tenant_id != CENTRE, ENVIRONMENT.c.next_at).limit(1)).mappings().first()
    return None if row is None else to_environment(row)


def move(session: Session, environment: Environment, values: Mapping[str, Any]) -> bool:
    """Change one that still stands where we saw it."""
    guarded = update(ENVIRONMENT).where(ENVIRONMENT.c.id == environment.id, ENVIRONMENT.c.state == environment.state)
    return bool(session.execute(guarded.values(**values)).rowcount == 1)  # type: ignore[attr-defined]
