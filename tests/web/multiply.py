"""Makes many rows of few: every row of every table is copied with other keys, so that a test of how pages bear many rows knows no table by name.

Ids are mapped alike wherever they stand, so copies hang together as the originals do; who owns them stays. Foreign keys and triggers are off.
"""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, text

from wutong.kit.database import Database

LEFT = re.compile(r"kit_|alembic|identity_sign_in|centre_engine$|ledger_balance$")
# Words of ours, which copies share.
WORDS = {"kind", "unit", "channel", "state", "phase", "role", "month"}
# Where people and organisations themselves are multiplied, and not merely named.
SELVES = {"identity_person.id", "identity_membership.person_id", "compute_budget.person_id", "compute_spend.person_id", "identity_tenant.id"}

_COLUMNS = """
    SELECT c.table_name, c.column_name, c.data_type IN ('text', 'character varying') AS is_text, c.is_identity = 'YES' AS is_identity,
        EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indisunique AND i.indrelid = c.table_name::regclass AND a.attname = c.column_name) AS is_key,
        EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indisunique AND i.indnkeyatts = 1 AND i.indrelid = c.table_name::regclass AND a.attname = c.column_name) AS is_alone
    FROM information_schema.columns c JOIN pg_tables t ON t.tablename = c.table_name AND t.schemaname = 'public'
    WHERE c.table_schema = 'public' ORDER BY c.table_name, c.ordinal_position"""


@dataclass(frozen=True)
class _Column:
    table: str
    name: str
    is_text: bool
    is_identity: bool
    is_key: bool
    is_alone: bool

    def copied(self) -> str:
        """Return what the column of copy `n` holds."""
        if not self.is_text:
            return f't."{self.name}"' + (" + n * 1000000" if self.is_alone else "")
        value = f't."{self.name}"'
        other = f"overlay({value} placing lpad(n::text, 2, '0') from greatest(length({value}) - 1, 1))"
        if f"{self.table}.{self.name}" in SELVES:
            return f"CASE WHEN {value} = '' THEN '' ELSE {other} END"
        an_id = f"{value} <> ''" if self.is_key and self.name not in WORDS else f"{value} ~ '^[a-z]+_[0-9a-z]{{20}}$'"
        return f"CASE WHEN {an_id} AND {value} !~ '^(ten|per)_' THEN {other} ELSE {value} END"


def multiply(database: Database, times: int) -> dict[str, int]:
    """Copy every row that many times; returns how many rows were added to each table that had any."""
    added: dict[str, int] = {}
    with database.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        tables: dict[str, list[_Column]] = {}
        for row in connection.execute(text(_COLUMNS)):
            if LEFT.match(row.table_name) is None:
                tables.setdefault(row.table_name, []).append(_Column(*row))
        for table, columns in tables.items():
            if connection.scalar(text(f'SELECT EXISTS (SELECT FROM "{table}")')):
                added[table] = _copy(connection, table, columns, times)
    return added


def _copy(connection: Connection, table: str, columns: list[_Column], times: int) -> int:
    given = [column for column in columns if not column.is_identity]
    names, values = ", ".join(f'"{column.name}"' for column in given), ", ".join(column.copied() for column in given)
    rows = f'SELECT {values} FROM "{table}" t, generate_series(10, {9 + times}) AS n'
    return connection.execute(text(f'INSERT INTO "{table}" ({names}) {rows} ON CONFLICT DO NOTHING')).rowcount
