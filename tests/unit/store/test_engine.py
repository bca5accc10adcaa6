import threading

import sqlalchemy as sa

from caas.store.tables import services as t


def names(store):
    with store.reader() as conn:
        return sorted(conn.execute(sa.select(t.c.host)).scalars())


def add(conn, name):
    now = sa.func.current_timestamp()
    conn.execute(
        t.insert().values(
            id=name, binary="b", host=name, started_at=now, last_seen=now
        )
    )


def test_an_exception_undoes_the_transaction(store):
    try:
        with store.writer() as conn:
            add(conn, "a")
            raise KeyError
    except KeyError:
        pass
    with store.writer() as conn:
        add(conn, "b")
    assert names(store) == ["b"]


def test_who_reads_before_writing_waits_for_others(store):
    """On SQLite this failed at once with "database is locked"."""
    failures = []

    def run(name):
        try:
            for number in range(20):
                with store.writer() as conn:
                    conn.execute(sa.select(t)).all()
                    add(conn, f"{name}-{number}")
        except Exception as error:
            failures.append(error)

    threads = [
        threading.Thread(target=run, args=(name,)) for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(names(store)) == 160
