"""All SQL of the ledger that reads and posts. The verbs themselves are database functions (in the migration): one round trip each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.ledger.credit_store import credit_of
from wutong.ledger.rules import AccountKey, AccountKind, Hold, HoldSource, HoldState, Purpose, Transfer
from wutong.ledger.splits import Wallet

_APPLY = text("SELECT ledger_apply(:now, CAST(:rows AS jsonb), CAST(:hold AS jsonb), CAST(:parts AS jsonb), :whole)")
_HOLD_CASH = text("""
    SELECT k.key, ledger_hold_cash(:now, :tenant, k.key, :amount, CAST(:purpose AS jsonb), :kind, k.id, :units) AS hold_id
    FROM unnest(CAST(:keys AS text[]), CAST(:ids AS text[])) AS k(key, id)""")
_WALLET = text("SELECT ledger_wallet(:tenant, :unit)")
_READ_HOLD = text("SELECT ledger_read_hold(:key, CAST(:group AS text), :lock)")
_READ_LEGS = text("SELECT ledger_read_legs(:group)")
_CAPTURE_MANY = text("SELECT ledger_capture_many(:now, CAST(:rows AS jsonb))")
_RELEASE_MANY = text("SELECT ledger_release_many(:now, :keys)")


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


def hold_cash(
    session: Session, tenant_id: str, causes: Mapping[str, str], amount: int, purpose: Purpose, cause_kind: str, units: Sequence[str]
) -> dict[str, int]:
    """Place holds on cash, by key with their causes, and return the ids of those that were placed.

    Left out, with nothing done, are those that credits of these units may pay too, for which cash is short, or whose key was used. The cash is
    locked before it is looked at, so that nothing can be refused any more once something is written.
    """
    about = json.dumps({"service": purpose.service, "flavour": purpose.flavour, "pool": purpose.pool})
    values = {"now": clock.now(), "tenant": tenant_id, "amount": amount, "purpose": about, "kind": cause_kind, "units": list(units)}
    rows = session.execute(_HOLD_CASH, {**values, "keys": list(causes), "ids": list(causes.values())})
    return {key: hold_id for key, hold_id in rows if hold_id is not None}


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
