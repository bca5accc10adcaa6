"""The way to the database: one Store per process, handed to who needs it."""

import contextlib
import datetime
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from oslo_db import api as db_api
from oslo_db import options as db_options
from oslo_db.sqlalchemy import enginefacade

from caas.model import patterns

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

#: Where the connection of a writer keeps the events written through it.
WRITTEN = "caas_events"

#: Takes events, as dicts of their columns; must neither raise nor wait.
Publish = Callable[[list[dict[str, Any]]], None]


class Store:
    """Transactions on the database of caas.

    ``reader`` and ``writer`` give a SQLAlchemy connection inside one
    transaction, committed on leaving ``writer`` without an exception.
    """

    def __init__(self, conf: Any, publish: Publish | None = None) -> None:
        """:param conf: an oslo.config object with a ``[database]`` group.
        :param publish: told the events of each transaction once that is
            committed.
        """
        self._publish = publish
        db_options.set_defaults(conf)
        self._facade = enginefacade.transaction_context()
        group = conf.database
        self._facade.configure(
            connection=group.connection,
            max_retries=group.max_retries,
            retry_interval=group.retry_interval,
            connection_recycle_time=group.connection_recycle_time,
            max_pool_size=group.max_pool_size,
            max_overflow=group.max_overflow,
            pool_timeout=group.pool_timeout,
            sqlite_fk=False,
            mysql_sql_mode="TRADITIONAL",
            # with threads, no need to sleep after each transaction
            thread_checkin=False,
        )
        self._started = False

    @property
    def engine(self) -> sa.Engine:
        engine: sa.Engine = self._facade.writer.get_engine()
        if not self._started:
            self._started = True
            # they hold the environments of containers, and errors are logged
            engine.hide_parameters = True
            if engine.dialect.name == "sqlite":
                _tune_sqlite(engine)
        return engine

    @contextlib.contextmanager
    def reader(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, all of it of one moment."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                # as it is with the others
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextlib.contextmanager
    def writer(self) -> Iterator[sa.Connection]:
        """A transaction that writes; on an exception nothing stays."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                _begin_sqlite(connection)
            written: list[dict[str, Any]] = []
            if self._publish is not None:
                connection.execution_options(**{WRITTEN: written})
            yield connection
            connection.commit()
        if written and self._publish is not None:
            self._publish(written)

    def write(self, act: Callable[[sa.Connection], T]) -> T:
        """What an act does in one transaction, which is begun again when the
        database chose it as victim of a deadlock."""

        @retry
        def run() -> T:
            with self.writer() as conn:
                return act(conn)

        done: T = run()
        return done


def _begin_sqlite(connection: sa.Connection) -> None:
    """Wait for other writers now.

    A transaction that has read before it writes would not wait but fail if
    another one wrote in between.
    """
    # what oslo.db looks at before it emits a BEGIN of its own
    connection.info["in_transaction"] = True
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _tune_sqlite(engine: sa.Engine) -> None:
    """Let several processes share the file: readers never wait for writers.

    Write-ahead logging lasts in the file; the time-out is per connection.
    Connections are kept: oslo.db would open the file for each transaction.
    """

    def connect(dbapi: Any, _record: Any) -> None:
        cursor = dbapi.cursor()
        cursor.execute("PRAGMA busy_timeout = 30000")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.close()
        # instead of Python's own, which some patterns keep busy for ever
        dbapi.create_function("regexp", 2, _regexp, deterministic=True)

    sa.event.listen(engine, "connect", connect)
    engine.dispose()
    if isinstance(engine.pool, sa.NullPool):
        engine.pool = sa.QueuePool(
            engine.pool._creator,
            max_overflow=50,
            _dispatch=engine.pool.dispatch,
            dialect=engine.dialect,
        )


def _regexp(pattern: str, text: str | None) -> bool:
    return text is not None and patterns.found(pattern, text)


def utcnow() -> datetime.datetime:
    """Now, UTC without zone: the form of every time in the database."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def retry(function: F) -> F:
    """Call it again when the database chose it as victim of a deadlock.

    For functions that hold one whole transaction.
    """
    wrapped: F = db_api.wrap_db_retry(
        max_retries=8,
        retry_interval=0.02,
        inc_retry_interval=True,
        max_retry_interval=1,
        jitter=True,
        retry_on_deadlock=True,
    )(function)
    return wrapped
