"""SQL of credits: their terms, and which of them are due to expire. Amounts are balances of their accounts."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.ledger.rules import AccountKey, AccountKind, Credit, Terms


@dataclass(frozen=True, slots=True)
class DueCredit:
    """A credit past its validity: what is free goes back to the payer; while something is held it stays open."""

    id: str
    tenant_id: str
    label: str
    payer: AccountKey
    free: int
    held: int
    expiries: int


def insert_credit(session: Session, credit: Credit, payer: AccountKey, key: str) -> bool:
    """Write the terms of a credit and open its account; False when the key was used before."""
    query = """
        INSERT INTO ledger_credit (id, key, tenant_id, account_id, payer_id, unit, label, granted, share_permille, services, flavours, pools,
            valid_from, valid_until, expiries)
        SELECT n.id, :key, n.tenant, ledger_open_account(n.tenant, 'credit', n.unit, n.id), ledger_open_account(n.owner, n.kind, n.unit, n.payer),
            n.unit, :label, :granted, :share, CAST(:services AS jsonb), CAST(:flavours AS jsonb), CAST(:pools AS jsonb), :valid_from, :valid_until, 0
        FROM (VALUES (CAST(:id AS text), CAST(:tenant AS text), CAST(:unit AS text), CAST(:owner AS text), CAST(:kind AS text),
            CAST(:payer_label AS text))) AS n(id, tenant, unit, owner, kind, payer)
        ON CONFLICT (key) DO NOTHING RETURNING id"""
    terms = credit.terms
    values = {
        "id": credit.id,
        "key": key,
        "tenant": credit.tenant_id,
        "unit": credit.unit,
        "label": credit.label,
        "granted": credit.granted,
        "owner": payer.owner,
        "kind": payer.kind.value,
        "payer_label": payer.label,
        "share": terms.share_permille,
        "services": _list(terms.services),
        "flavours": _list(terms.flavours),
        "pools": _list(terms.pools),
        "valid_from": terms.valid_from,
        "valid_until": terms.valid_until,
    }
    return session.execute(text(query), values).first() is not None


def get_credit_by_key(session: Session, key: str) -> Credit:
    """Return the credit that was granted under this key."""
    credit = find_credit_by_key(session, key)
    if credit is None:
        raise LookupError(key)
    return credit


def find_credit_by_key(session: Session, key: str) -> Credit | None:
    """Return the credit that was granted under this key, or None."""
    query = "SELECT c.*, b.amount AS remaining FROM ledger_credit c JOIN ledger_balance b ON b.account_id = c.account_id WHERE c.key = :key"
    row = session.execute(text(query), {"key": key}).mappings().first()
    return credit_of(dict(row)) if row else None


def list_credits(session: Session, tenant_id: str) -> list[Credit]:
    """Return the open credits of an organisation in every unit, also those that are all held, the earliest to expire first."""
    query = """
        SELECT c.*, b.amount AS remaining FROM ledger_credit c JOIN ledger_balance b ON b.account_id = c.account_id
        WHERE c.tenant_id = :tenant AND c.closed_at IS NULL ORDER BY c.valid_until, c.id"""
    return [credit_of(dict(row)) for row in session.execute(text(query), {"tenant": tenant_id}).mappings()]


def take_due_credits(session: Session, now: datetime, limit: int) -> list[DueCredit]:
    """Lock and return credits past their validity that have something to give back or nothing held any more."""
    query = """
        SELECT c.id, c.tenant_id, c.label, c.unit, c.expiries, b.amount AS free, h.held, a.owner, a.kind, a.label AS payer_label
        FROM ledger_credit c
        JOIN ledger_balance b ON b.account_id = c.account_id
        JOIN ledger_account a ON a.id = c.payer_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(s.remaining), 0) AS held FROM ledger_hold_source s WHERE s.source_account = c.account_id AND s.remaining > 0) h
        WHERE c.closed_at IS NULL AND c.valid_until <= :now AND (b.amount > 0 OR h.held = 0)
        ORDER BY c.valid_until LIMIT :limit FOR UPDATE OF c SKIP LOCKED"""
    rows = session.execute(text(query), {"now": now, "limit": limit}).mappings()
    return [
        DueCredit(
            id=row["id"],
            tenant_id=row["tenant_id"],
            label=row["label"],
            payer=AccountKey(row["owner"], AccountKind(row["kind"]), row["unit"], row["payer_label"]),
            free=row["free"],
            held=int(row["held"]),
            expiries=row["expiries"],
        )
        for row in rows
    ]


def mark_expired(session: Session, credit_id: str, *, closed_at: datetime | None) -> None:
    """Count an expiry, and close the credit when nothing of it is left anywhere."""
    query = "UPDATE ledger_credit SET expiries = expiries + 1, closed_at = :closed_at WHERE id = :id AND closed_at IS NULL"
    session.execute(text(query), {"id": credit_id, "closed_at": closed_at})


def reopen_credits(session: Session, group: str) -> None:
    """Open the credits that money of this group went back to, so that they can be used, or expire again."""
    query = """
        UPDATE ledger_credit SET closed_at = NULL
        WHERE closed_at IS NOT NULL AND account_id IN (SELECT to_account FROM ledger_transfer WHERE group_key = :group)"""
    session.execute(text(query), {"group": group})


def credit_of(row: dict[str, Any]) -> Credit:
    """Build a credit from its row and the balance of its account."""
    terms = Terms(
        valid_from=_moment(row["valid_from"]),
        valid_until=_moment(row["valid_until"]),
        share_permille=row["share_permille"],
        services=_names(row["services"]),
        flavours=_names(row["flavours"]),
        pools=_names(row["pools"]),
    )
    return Credit(row["id"], row["tenant_id"], row["label"], row["unit"], row["granted"], row["remaining"], terms)


def _moment(value: str | datetime) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC)


def _names(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _list(value: tuple[str, ...] | None) -> str | None:
    return None if value is None else json.dumps(value)
