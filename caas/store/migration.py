"""The schema of a database and the newest one, by alembic."""

import pathlib

import sqlalchemy as sa
from alembic import command, script
from alembic import config as alembic_config
from alembic.runtime import migration as runtime

_INI = pathlib.Path(__file__).parent / "migrations" / "alembic.ini"


def sync(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database to ``revision``; nothing to do is no error."""
    config = alembic_config.Config(str(_INI))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def version(engine: sa.Engine) -> str | None:
    """The revision the database is at; None before the first ``sync``."""
    with engine.connect() as connection:
        context = runtime.MigrationContext.configure(connection)
        return context.get_current_revision()


def head() -> str:
    """The revision this code is written for."""
    scripts = script.ScriptDirectory.from_config(
        alembic_config.Config(str(_INI))
    )
    newest = scripts.get_current_head()
    if newest is None:
        raise AssertionError("caas ships at least one migration")
    return newest
