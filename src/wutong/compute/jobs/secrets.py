"""A tenant's secrets for jobs: sealed on arrival, handed to runs sealed, never shown again."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.compute.jobs.rules import NoSuchSecret, Secret
from wutong.compute.jobs.tables import SecretRow
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock, seal
from wutong.kit.errors import Invalid, NotFound

SECRET: Any = SecretRow.__table__
MAX_VALUE_BYTES = 32 * 1024
MAX_SECRETS = 200
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def put_secret(session: Session, who: Principal, key_file: Path, *, name: str, value: str) -> Secret:
    """Set a secret, in place of an earlier value; jobs get it as an environment variable of that name."""
    tenant_id = require_tenant(who, Permission.JOB_SUBMIT)
    if not _NAME.fullmatch(name) or name.startswith(("WUTONG_", "LD_")):
        raise Invalid(field="name", reason="Use a name of letters, digits and _, such as DATABASE_PASSWORD, that does not begin with WUTONG_ or LD_.")
    if not value or "\0" in value or len(value.encode()) > MAX_VALUE_BYTES:
        raise Invalid(field="value", reason="Give a value of 1 byte to 32 KiB of text without zero bytes.")
    now = clock.now()
    keep = {"sealed": seal.seal(key_file, value), "person_id": who.person_id, "updated_at": now}
    row = {"tenant_id": tenant_id, "name": name, "created_at": now, **keep}
    put = insert(SECRET).values(row).on_conflict_do_update(index_elements=["tenant_id", "name"], set_=keep)
    written = session.execute(put.returning(SECRET.c.name, SECRET.c.created_at, SECRET.c.updated_at)).one()
    if len(known_names(session, tenant_id)) > MAX_SECRETS:
        raise Invalid(field="name", reason=f"An organisation can have {MAX_SECRETS} secrets. Delete one first.")
    identity.audit(session, who, "secret.put", kind="secret", id=name, tenant_id=tenant_id)
    return Secret(*written)


def list_secrets(session: Session, who: Principal) -> list[Secret]:
    """Return the names of the tenant's secrets."""
    tenant_id = require_tenant(who, Permission.JOB_READ)
    query = select(SECRET.c.name, SECRET.c.created_at, SECRET.c.updated_at).where(SECRET.c.tenant_id == tenant_id).order_by(SECRET.c.name)
    return [Secret(*row) for row in session.execute(query)]


def delete_secret(session: Session, who: Principal, name: str) -> None:
    """Delete a secret; attempts that were requested already keep theirs."""
    tenant_id = require_tenant(who, Permission.JOB_SUBMIT)
    gone = delete(SECRET).where(SECRET.c.tenant_id == tenant_id, SECRET.c.name == name).returning(SECRET.c.name)
    if session.execute(gone).first() is None:
        raise NotFound(kind="secret", id=name)
    identity.audit(session, who, "secret.delete", kind="secret", id=name, tenant_id=tenant_id)


def check_known(session: Session, tenant_id: str, names: Sequence[str]) -> None:
    """Raise `NoSuchSecret` unless all are set."""
    known = known_names(session, tenant_id)
    missing = [name for name in names if name not in known]
    if missing:
        raise NoSuchSecret(names=", ".join(missing), known=", ".join(known) or "none yet")


def sealed_values(session: Session, tenant_id: str, names: Sequence[str]) -> Mapping[str, str]:
    """Return the sealed values; raises `NoSuchSecret` when one was deleted meanwhile."""
    query = select(SECRET.c.name, SECRET.c.sealed).where(SECRET.c.tenant_id == tenant_id, SECRET.c.name.in_(names))
    found: dict[str, str] = {row.name: row.sealed for row in session.execute(query)}
    if len(found) != len(names):
        check_known(session, tenant_id, names)
    return found


def known_names(session: Session, tenant_id: str) -> list[str]:
    """Return the names that are set."""
    return list(session.scalars(select(SECRET.c.name).where(SECRET.c.tenant_id == tenant_id).order_by(SECRET.c.name)))
