"""The migrations make exactly the tables of caas.store.tables."""

import unittest
from typing import Any

import pytest
import sqlalchemy as sa
from oslo_db.sqlalchemy import test_migrations

from caas.store import engine, migration, tables
from tests import fixtures

DIALECTS = {"sqlite": "sqlite", "mariadb": "mysql", "postgresql": "postgresql"}


class _Sync(test_migrations.ModelsMigrationsSync, unittest.TestCase):
    """oslo.db's check of one database, run by the test below."""

    __test__ = False
    store: engine.Store

    def db_sync(self, engine: sa.Engine) -> None:
        migration.sync(engine)

    def get_engine(self) -> sa.Engine:
        return self.store.engine

    def get_metadata(self) -> sa.MetaData:
        return tables.metadata

    def include_object(
        self, object_: Any, name: str, type_: str, *_args: Any
    ) -> bool:
        return not (type_ == "table" and name == "alembic_version")


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_models_and_migrations_agree(
    database: str, bare_store: engine.Store
) -> None:
    assert bare_store.engine.dialect.name == DIALECTS[database]
    check = _Sync("test_models_sync")
    check.store = bare_store
    check.debug()


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_sync_brings_an_empty_database_to_head(
    bare_store: engine.Store,
) -> None:
    assert migration.version(bare_store.engine) is None
    migration.sync(bare_store.engine)
    assert migration.version(bare_store.engine) == migration.head()
    migration.sync(bare_store.engine)
    assert migration.version(bare_store.engine) == migration.head()
