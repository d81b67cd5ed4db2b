"""The schema's history agrees with the tables, and can be walked both ways."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, create_engine, inspect, text
from sqlalchemy.engine import make_url

from wutong.app.migrate import alembic_config, downgrade, is_current, migrate, newest_revision
from wutong.app.rooms import load_tables
from wutong.kit.database import Database, normal_url


@pytest.fixture
def fresh(server_url: str) -> Iterator[Database]:
    """An empty database."""
    import secrets

    name = f"test_history_{secrets.token_hex(4)}"
    admin = create_engine(normal_url(server_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database = Database(make_url(normal_url(server_url)).set(database=name).render_as_string(hide_password=False), pool_size=2)
    yield database
    database.close()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def what_is_there(database: Database) -> set[str]:
    """Every table, sequence, view, type, function and trigger that is ours."""
    query = """
        SELECT 'relation ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'v', 'm', 'i')
        UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
        UNION ALL SELECT 'trigger ' || tgname || ' on ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'constraint ' || conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """
    with database.engine.connect() as connection:
        return {name for name in connection.scalars(text(query)) if "alembic_version" not in name}


def test_up_down_up(fresh: Database) -> None:
    assert not is_current(fresh)
    migrate(fresh)
    assert is_current(fresh)
    first = what_is_there(fresh)
    downgrade(fresh, "base")
    assert what_is_there(fresh) == set()
    migrate(fresh)
    assert what_is_there(fresh) == first
    migrate(fresh)


def test_every_step_can_be_undone(fresh: Database) -> None:
    revisions = [script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()]
    seen: list[set[str]] = []
    for revision in reversed(revisions):
        seen.append(what_is_there(fresh))
        migrate(fresh, revision)
    for before, revision in zip(reversed(seen), revisions, strict=True):
        downgrade(fresh, f"{revision}-1" if revision != revisions[-1] else "base")
        assert what_is_there(fresh) == before, revision


def test_the_tables_and_the_history_agree(migrated: Database) -> None:
    with migrated.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        difference = [each for each in compare_metadata(context, load_tables().metadata) if "alembic_version" not in str(each)]
    assert difference == []


def test_history_is_one_line_in_the_order_of_its_files() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert scripts.get_heads() == [newest_revision()]
    by_history = [script.revision for script in scripts.walk_revisions()][::-1]
    assert by_history == sorted(by_history)


def test_foreign_keys_can_be_followed_quickly(migrated: Database) -> None:
    """A foreign key without an index on its own side makes every delete of the other side a walk through the table."""
    inspector = inspect(migrated.engine)
    slow = []
    for table in inspector.get_table_names():
        indexed = [tuple(index["column_names"]) for index in inspector.get_indexes(table)]
        indexed += [tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(table)]
        indexed.append(tuple(inspector.get_pk_constraint(table)["constrained_columns"]))
        for key in inspector.get_foreign_keys(table):
            wanted = key["constrained_columns"]
            cascades = key["options"].get("ondelete") in {"CASCADE", "SET NULL"}
            if cascades and not any(list(columns[: len(wanted)]) == wanted for columns in indexed):
                slow.append(f"{table}({', '.join(wanted)})")
    assert not slow, "\n".join(slow)


def test_constraints_are_named_alike_in_the_tables_and_in_the_history(migrated: Database) -> None:
    """The comparison above looks at no check; a name without `op.f` gets the convention's beginning a second time."""
    inspector = inspect(migrated.engine)
    for table in load_tables().metadata.sorted_tables:
        meant = {str(each.name) for each in table.constraints if isinstance(each, CheckConstraint)}
        assert {str(each["name"]) for each in inspector.get_check_constraints(table.name)} == {_named(name, table.name) for name in meant}, table.name


def _named(name: str, table: str) -> str:
    return name if name.startswith(f"ck_{table}_") else f"ck_{table}_{name}"
