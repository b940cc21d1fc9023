"""The schema: made and upgraded at start, never downgraded."""

import re
from importlib.resources import files

from sqlalchemy import Connection, Engine, inspect, select, table, text

from monitor.errors import SchemaError
from monitor.store.tables import HEAD


def revision(connection: Connection) -> str | None:
    """Which schema the database has, or None where it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(
        select(text("version_num")).select_from(table("alembic_version"))
    ).scalar()
    return version


def recognise(connection: Connection) -> None:
    """See that a database is ours or empty, before anything in it is changed.

    Raises:
        SchemaError: It belongs to another program, or it is newer than this one.
    """
    found = revision(connection)
    known = inspect(connection)
    if found is None:
        ours = not known.get_table_names()
    else:
        ours = re.fullmatch(r"\d{4}", found) is not None and known.has_table("stories")
    if not ours:
        raise SchemaError("this is the database of another program: name another file in `database:`")
    _refuse_newer(found)


def upgrade(engine: Engine) -> None:
    """Make the schema or bring it to this program's; the database can be written afterwards.

    Raises:
        SchemaError: It is newer than this program.
    """
    with engine.connect() as connection:
        found = revision(connection)
        _refuse_newer(found)
        if found == HEAD:
            # On a file that may not be written everything works until the first write: make one that changes nothing.
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        else:
            _run(connection, found)
        connection.commit()


def check(connection: Connection) -> None:
    """See that a database can be read by this program.

    Raises:
        SchemaError: It has another schema, or none, or belongs to another program.
    """
    recognise(connection)
    found = revision(connection)
    if found is None:
        raise SchemaError("this database is empty: `monitor run` makes it")
    if found != HEAD:
        raise SchemaError(
            f"this database has schema {found}, this program needs {HEAD}: `monitor run` upgrades it, or `monitor db upgrade`"
        )


def _refuse_newer(found: str | None) -> None:
    if found is not None and found > HEAD:
        raise SchemaError(
            f"this database was made by a newer monitor (schema {found}, this program knows {HEAD}): install that version"
        )


def _run(connection: Connection, found: str | None) -> None:
    # Alembic takes as long to import as everything else here: only an upgrade pays for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("monitor.store") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
