"""What a conductor reads after it wrote is of the revision it wrote to."""

import pytest
import sqlalchemy as sa

from caas.conductor.batch import lease
from caas.core import changes
from caas.store import placements, tables
from tests.unit.conductor.cloud import Cloud


# with SQLite nobody else writes meanwhile
@pytest.mark.parametrize("database", ["mariadb", "postgresql"])
def test_a_change_after_the_first_look(store):
    cloud = Cloud(store)
    cloud.host("h1")
    (item,) = cloud.create()
    cloud.carry_out("h1")
    cloud.ask_for("restart", item)
    now = cloud.clock()
    batch = lease(store, [item.id], "token", now, now)
    with store.writer() as conn:
        # MariaDB shows what there was at this moment from now on
        conn.execute(sa.select(tables.sets)).all()
        changes.update(
            cloud.deps,
            cloud.ctx(),
            cloud.get(item.id),
            "update",
            change=[("app", {"env": {"A": "1"}})],
            remove=["web"],
            add=[{"name": "log", "image": "log:1"}],
        )
        placements.issue(
            conn,
            [
                {
                    "b_id": item.id,
                    "b_token": "token",
                    "b_reason": "",
                    "b_deadline": now,
                    "b_attempts": 0,
                }
            ],
        )
        read = placements.reread(conn, batch.leased, "token")[item.id]
    assert (read.revision, read.issued, read.change_revision) == (3, 3, 3)
    assert read.content == cloud.get(item.id).content
    assert [m.spec.name for m in read.content.members] == ["app", "log"]
