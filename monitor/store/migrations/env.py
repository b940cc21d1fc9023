"""How Alembic reaches the database: through the connection it is handed."""

from alembic import context

from monitor.store.sqlite_search import is_ours
from monitor.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=is_ours,
    transactional_ddl=False,  # the caller's transaction holds all of it
)
with context.begin_transaction():
    context.run_migrations()
