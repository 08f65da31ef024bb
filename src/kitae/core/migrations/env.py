"""Alembic runs this file to apply migrations; kitae passes it a connection whose transaction kitae ends."""

from alembic import context

from kitae.core.store import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
context.run_migrations()
