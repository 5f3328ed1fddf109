"""Alembic's entry: engine.migrate hands the address over, so no password stands in a file."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from barograph.state.tables import metadata

with create_engine(context.config.attributes["url"], poolclass=NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
