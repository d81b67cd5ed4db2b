"""All SQL of the ledger that reads and posts. The verbs themselves are database functions (in the migration): one round trip each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.ledger.rules import AccountKey, AccountKind, Credit, Hold, HoldSource, HoldState, Purpose, Terms, Transfer
from wutong.ledger.splits import Wallet

_APPLY = text("SELECT ledger_apply(:now, CAST(:rows AS jsonb), CAST(:hold AS jsonb), CAST(:parts AS jsonb), :whole)")
_WALLET = text("SELECT ledger_wallet(:tenant, :unit)")
_READ_HOLD = text("SELECT ledger_read_hold(:key, CAST(:group AS text), :lock)")
_READ_LEGS = text("SELECT ledger_read_legs(:group)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer as it is posted: with its place in a group, whether it belongs to the hold at hand, and what it reverses."""

    transfer: Transfer
    held: bool = False
    reverses: int | None = None


@dataclass(frozen=True, slots=True)
class Short:
    """An account that would have been overdrawn."""

    account: AccountKey
    has: int
    needs: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What posting did: how many were new; or that all of it was refused because of an overdraft, a used key, or somebody having been quicker."""

    new: int = 0
    short: Short | None = None
    reused: str | None = None
    repeat: bool = False

    @property
    def done(self) -> bool:
        """Tell whether it was posted."""
        return not (self.short or self.reused or self.repeat)


@dataclass(frozen=True, slots=True)
class Leg:
    """A posted transfer, read back."""

    id: int
    key: str
    group: str
    from_account: AccountKey
    to_account: AccountKey
    amount: int
    kind: str
    cause_kind: str
    cause_id: str
    hold_id: int | None
    reverses: int | None
    reversed_by: str | None


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold as it stands, with the legs already posted under the group that was asked about."""

    hold: Hold
    legs: tuple[Leg, ...]


def apply(
    session: Session,
    entries: Sequence[Entry],
    *,
    hold: dict[str, Any] | None = None,
    parts: Sequence[dict[str, Any]] = (),
    whole: bool = True,
) -> Outcome:
    """Post entries, all or (unless `whole`) those whose keys are new, and place or move a hold, in one round trip. Refusals leave nothing behind."""
    values = {
        "now": clock.now(),
        "rows": json.dumps(_rows(entries)),
        "hold": json.dumps(hold) if hold else None,
        "parts": json.dumps(list(parts)),
        "whole": whole,
    }
    answer = session.execute(_APPLY, values).scalar_one()
    short = answer.get("short")
    if short:
        account = AccountKey(short["owner"], AccountKind(short["kind"]), short["unit"], short["label"])
        return Outcome(short=Short(account, short["has"], short["needs"]))
    return Outcome(new=answer.get("new", 0), reused=answer.get("reused"), repeat=answer.get("repeat", False))


def read_wallet(session: Session, tenant_id: str, unit: str) -> Wallet:
    """Return free cash, debt, and the credits of a unit that are open and not empty."""
    answer = session.execute(_WALLET, {"tenant": tenant_id, "unit": unit}).scalar_one()
    return Wallet(answer["cash"], answer["debt"], tuple(credit_of(row) for row in answer["credits"] or ()))


def find_hold(session: Session, key: str, *, group: str | None = None, lock: bool = False) -> HoldView | None:
    """Return a hold; with `lock` nobody else moves it before this transaction ends."""
    answer = session.execute(_READ_HOLD, {"key": key, "group": group, "lock": lock}).scalar_one()
    if answer is None:
        return None
    return HoldView(_hold(answer["hold"], answer["sources"] or []), _legs(answer["legs"]))


def read_legs(session: Session, key: str) -> tuple[Leg, ...]:
    """Return the transfers posted under a key or a group."""
    return _legs(session.execute(_READ_LEGS, {"group": key}).scalar_one())


def held_amount(session: Session, tenant_id: str, unit: str) -> int:
    """Return what the open holds of an organisation keep."""
    query = """
        SELECT coalesce(sum(s.remaining), 0) FROM ledger_hold h JOIN ledger_hold_source s ON s.hold_id = h.id
        WHERE h.tenant_id = :tenant AND h.unit = :unit AND h.state = 'open'"""
    return int(session.execute(text(query), {"tenant": tenant_id, "unit": unit}).scalar_one())


def account_balance(session: Session, account: AccountKey) -> int:
    """Return the sum of all transfers of an account; for reports on the centre's own accounts, not for the way of a request."""
    query = """
        SELECT coalesce((SELECT sum(amount) FROM ledger_transfer WHERE to_account = a.id), 0)
             - coalesce((SELECT sum(amount) FROM ledger_transfer WHERE from_account = a.id), 0)
        FROM ledger_account a WHERE a.owner = :owner AND a.kind = :kind AND a.unit = :unit AND a.label = :label"""
    values = {"owner": account.owner, "kind": account.kind.value, "unit": account.unit, "label": account.label}
    return int(session.execute(text(query), values).scalar() or 0)


def hold_place(key: str, tenant_id: str, unit: str, asked: int, purpose: Purpose, cause: tuple[str, str]) -> dict[str, Any]:
    """Describe a new hold for `apply`."""
    about = {"service": purpose.service, "flavour": purpose.flavour, "pool": purpose.pool}
    return {"key": key, "tenant_id": tenant_id, "unit": unit, "asked": asked, "purpose": about, "cause_kind": cause[0], "cause_id": cause[1]}


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


def _rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Number the legs of each group, those that cross to the centre first: the first leg of a group is the one a statement finds."""
    rows = []
    legs: dict[str, int] = {}
    for entry in sorted(entries, key=lambda entry: entry.transfer.net == 0):
        transfer = entry.transfer
        group = transfer.group or transfer.key
        legs[group] = legs.get(group, 0) + 1
        rows.append(_row(entry, group, legs[group]))
    return rows


def _row(entry: Entry, group: str, leg: int) -> dict[str, Any]:
    transfer = entry.transfer
    source, target = transfer.from_account, transfer.to_account
    return {
        "key": transfer.key,
        "grp": group,
        "leg": leg,
        "fo": source.owner,
        "fk": source.kind.value,
        "fl": source.label,
        "o": target.owner,
        "k": target.kind.value,
        "l": target.label,
        "unit": source.unit,
        "amount": transfer.amount,
        "kind": transfer.kind.value,
        "tenant": transfer.pockets[0].owner if transfer.pockets else None,
        "net": transfer.net,
        "ck": transfer.cause_kind,
        "ci": transfer.cause_id,
        "memo": transfer.memo,
        "at": transfer.at.isoformat(),
        "held": entry.held,
        "reverses": entry.reverses,
    }


def _hold(row: dict[str, Any], sources: list[dict[str, Any]]) -> Hold:
    return Hold(
        id=row["id"],
        key=row["key"],
        tenant_id=row["tenant_id"],
        unit=row["unit"],
        state=HoldState(row["state"]),
        asked=row["asked"],
        charged=row["charged"],
        steps=row["steps"],
        purpose=Purpose(**row["purpose"]),
        cause_kind=row["cause_kind"],
        cause_id=row["cause_id"],
        sources=tuple(HoldSource(part["label"], part["share_permille"], part["remaining"], part["charged"]) for part in sources),
    )


def _legs(rows: list[dict[str, Any]] | None) -> tuple[Leg, ...]:
    return tuple(_leg(row) for row in rows or ())


def _leg(row: dict[str, Any]) -> Leg:
    return Leg(
        id=row["id"],
        key=row["key"],
        group=row["grp"],
        from_account=AccountKey(row["fo"], AccountKind(row["fk"]), row["unit"], row["fl"]),
        to_account=AccountKey(row["o"], AccountKind(row["k"]), row["unit"], row["l"]),
        amount=row["amount"],
        kind=row["kind"],
        cause_kind=row["ck"],
        cause_id=row["ci"],
        hold_id=row["hold_id"],
        reverses=row["reverses"],
        reversed_by=row["reversed_by"],
    )


def _moment(value: str | datetime) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC)


def _names(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _list(value: tuple[str, ...] | None) -> str | None:
    return None if value is None else json.dumps(value)
