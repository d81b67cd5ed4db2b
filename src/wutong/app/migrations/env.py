"""Alembic's environment: runs versions on the connection that `wutong.app.migrate` gives."""

from alembic import context

from wutong.app.rooms import load_tables

context.configure(connection=context.config.attributes["connection"], target_metadata=load_tables().metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
