"""Emptying a test's tables, and bringing back what was once put into them."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from wutong.kit.database import Database

# Deleting rows is ten times quicker than truncating, which makes new files for each table and index; a table that has grown is truncated.
GROWN_BYTES = 512 * 1024
_USED = text(
    "SELECT relname, pg_relation_size(oid) > :grown AS grown FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    " AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0"
)
_MOVED = text("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL")
_RESTART = text(
    "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences"
    " WHERE schemaname = 'public' AND last_value IS NOT NULL"
)
_PAST_TRIGGERS = text("SET LOCAL session_replication_role = replica")


def empty(database: Database) -> None:
    """Empty every table that holds anything, past the triggers that keep journals append-only, and begin numbers anew."""
    with database.engine.begin() as connection:
        _empty(connection)


@dataclass(frozen=True)
class Picture:
    """What stood in all tables at a moment; it lies beside them, in a schema of its own."""

    schema: str
    tables: tuple[str, ...]
    numbers: tuple[tuple[str, int], ...]

    def bring_back(self, database: Database) -> None:
        """Make the tables hold what they held then, and nothing else."""
        copies = [f'INSERT INTO "{name}" OVERRIDING SYSTEM VALUE TABLE {self.schema}."{name}"' for name in self.tables]
        moves = [f"SELECT setval('\"{name}\"', {last})" for name, last in self.numbers]
        with database.engine.begin() as connection:
            _empty(connection)
            connection.exec_driver_sql("; ".join([*copies, *moves]))


def take_picture(database: Database, schema: str = "settled") -> Picture:
    """Remember what stands in all tables now. A new picture takes the place of the one in its schema: whoever keeps one for long needs its own."""
    with database.engine.begin() as connection:
        tables = tuple(row.relname for row in connection.execute(_USED, {"grown": GROWN_BYTES}))
        copies = [f'CREATE TABLE {schema}."{name}" AS TABLE "{name}"' for name in tables]
        connection.exec_driver_sql("; ".join([f"DROP SCHEMA IF EXISTS {schema} CASCADE", f"CREATE SCHEMA {schema}", *copies]))
        return Picture(schema, tables, tuple((row.sequencename, row.last_value) for row in connection.execute(_MOVED)))


def _empty(connection: Connection) -> None:
    connection.execute(_PAST_TRIGGERS)
    used = connection.execute(_USED, {"grown": GROWN_BYTES}).all()
    grown = ", ".join(f'"{row.relname}"' for row in used if row.grown)
    commands = [f'DELETE FROM "{row.relname}"' for row in used if not row.grown] + ([f"TRUNCATE {grown} CASCADE"] if grown else [])
    if commands:
        connection.exec_driver_sql("; ".join(commands))
    connection.execute(_RESTART)
