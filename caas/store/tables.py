"""The tables.  Each column names its one writer (design rule: one writer).

* desired: written by :mod:`caas.core` for the API front ends;
* placement: written by the conductor;
* observed: written while a report of an agent is taken in.

Change a table here and add a migration; a test proves both in step.
"""

from typing import Any

import sqlalchemy as sa
from oslo_db.sqlalchemy import types
from sqlalchemy.dialects import mysql

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


def _time() -> sa.types.TypeEngine[Any]:
    """UTC without zone, to the microsecond everywhere."""
    time: sa.types.TypeEngine[Any] = sa.DateTime().with_variant(
        mysql.DATETIME(fsp=6), "mysql", "mariadb"
    )
    return time


def _dict() -> sa.types.TypeEngine[Any]:
    text: sa.types.TypeEngine[Any] = types.JsonEncodedDict(mysql_as_long=True)
    return text


def _uuid(name: str, **kwargs: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), **kwargs)


sets = sa.Table(
    "sets",
    metadata,
    # desired
    _uuid("id", primary_key=True),
    sa.Column("project_id", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("description", sa.String(255), nullable=False, default=""),
    sa.Column("hostname", sa.String(63), nullable=False),
    sa.Column("metadata", _dict(), nullable=False),
    _uuid("flavor_id", nullable=False),
    sa.Column("flavor_name", sa.String(255), nullable=False),
    sa.Column("millicpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("disk_gb", sa.Integer, nullable=False),
    # the zone asked for, NULL for any
    sa.Column("zone", sa.String(255)),
    # sets asked for in one request are placed together: fewer than
    # min_count placed, and none of them is
    sa.Column("reservation_id", sa.String(36), nullable=False),
    sa.Column("min_count", sa.Integer, nullable=False),
    sa.Column("desired", sa.String(16), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, default=1),
    sa.Column("restart_epoch", sa.Integer, nullable=False, default=0),
    sa.Column("grace_period", sa.Integer, nullable=False, default=10),
    # CPU time is not capped, only weighed against that of others
    sa.Column("cpu_burst", sa.Boolean, nullable=False, default=False),
    sa.Column("sysctls", _dict(), nullable=False, default={}),
    # of the change of what it is made of that is under way: the revision
    # that began it (0 for none), its name, and model.content.Content as it
    # was before, with what was asked of containers it removes (model.sets)
    sa.Column("change_revision", sa.Integer, nullable=False, default=0),
    sa.Column("change_action", sa.String(16), nullable=False, default=""),
    sa.Column("change_from", _dict(), nullable=False, default={}),
    # how long what the last change started has to run well (s)
    sa.Column("monitor", sa.Float, nullable=False, default=0),
    # the last change that was taken back: action, reason, at, request_id
    sa.Column("failure", _dict(), nullable=False, default={}),
    sa.Column("request_id", sa.String(64), nullable=False, default=""),
    sa.Column("created_at", _time(), nullable=False),
    sa.Column("updated_at", _time(), nullable=False),
    # tombstone: set with the last trace of it (or by force delete)
    sa.Column("deleted_at", _time()),
    # placement
    sa.Column("placement", sa.String(16), nullable=False),
    sa.Column("placement_reason", sa.Text, nullable=False, default=""),
    _uuid("host_id"),
    sa.Column("incarnation", sa.Integer, nullable=False, default=0),
    # the last revision the host (or the scheduler) has been told of
    sa.Column("issued", sa.Integer, nullable=False, default=0),
    sa.Column("address", sa.String(45)),
    # the conductor that works on it now, and until when (lease)
    sa.Column("lease_owner", sa.String(64)),
    sa.Column("lease_until", _time()),
    # not settled by then: taken up again (see conductor sweeps)
    sa.Column("deadline", _time()),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    # observed
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("phase_reason", sa.Text, nullable=False, default=""),
    sa.Column("seen_incarnation", sa.Integer, nullable=False, default=0),
    sa.Column("seen_revision", sa.Integer, nullable=False, default=0),
    sa.Column("launched_at", _time()),
    sa.Index(None, "project_id", "created_at", "id"),
    sa.Index(None, "host_id"),
    sa.Index(None, "reservation_id"),
    sa.Index(None, "placement", "deleted_at"),
    sa.Index(None, "deadline"),
    sa.Index(None, "deleted_at"),
)

containers = sa.Table(
    "containers",
    metadata,
    # desired
    _uuid("id", primary_key=True),
    _uuid("set_id", nullable=False),
    sa.Column("project_id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    # infra | business
    sa.Column("role", sa.String(16), nullable=False),
    # start order ("index" is a reserved word of SQL)
    sa.Column("idx", sa.Integer, nullable=False, default=0),
    # model.spec.ContainerSpec.to_dict(), {} for the infra container
    sa.Column("spec", _dict(), nullable=False),
    sa.Column("image_id", sa.String(36)),
    sa.Column("restart_epoch", sa.Integer, nullable=False, default=0),
    sa.Column("paused", sa.Boolean, nullable=False, default=False),
    sa.Column("signal_epoch", sa.Integer, nullable=False, default=0),
    sa.Column("signal", sa.String(16), nullable=False, default=""),
    sa.Column("created_at", _time(), nullable=False),
    sa.Column("deleted_at", _time()),
    # observed
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("health", sa.String(16), nullable=False, default=""),
    sa.Column("exit_code", sa.Integer),
    sa.Column("oom_killed", sa.Boolean, nullable=False, default=False),
    sa.Column("restarts", sa.Integer, nullable=False, default=0),
    sa.Column("started_at", _time()),
    sa.Column("finished_at", _time()),
    sa.Column("runtime_id", sa.String(128)),
    sa.UniqueConstraint("set_id", "name"),
    sa.Index(None, "project_id", "created_at", "id"),
    sa.Index(None, "image_id"),
)

# What sets were made of, and when: a row for each revision that changed it.
history = sa.Table(
    "history",
    metadata,
    _uuid("set_id", primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("at", _time(), nullable=False),
    # create | resize | update | add | remove | rename | revert | take-back
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False, default=""),
    sa.Column("request_id", sa.String(64), nullable=False, default=""),
    # why it was taken back
    sa.Column("failure", sa.Text, nullable=False, default=""),
    # model.content.Content
    sa.Column("content", _dict(), nullable=False),
)

hosts = sa.Table(
    "hosts",
    metadata,
    _uuid("id", primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    # desired (operators)
    sa.Column("enabled", sa.Boolean, nullable=False, default=True),
    sa.Column("disabled_reason", sa.String(255)),
    # placement
    sa.Column("version", sa.Integer, nullable=False, default=0),
    sa.Column("used_millicpus", sa.BigInteger, nullable=False, default=0),
    sa.Column("used_memory_mb", sa.BigInteger, nullable=False, default=0),
    sa.Column("used_disk_gb", sa.BigInteger, nullable=False, default=0),
    sa.Column("used_sets", sa.Integer, nullable=False, default=0),
    # observed
    sa.Column("zone", sa.String(255), nullable=False, default=""),
    sa.Column("millicpus", sa.BigInteger, nullable=False, default=0),
    sa.Column("memory_mb", sa.BigInteger, nullable=False, default=0),
    sa.Column("disk_gb", sa.BigInteger, nullable=False, default=0),
    # names of checks that keep new sets away, see model.wire.HostFacts
    sa.Column("unfit", sa.String(255), nullable=False, default=""),
    # model.wire.HostFacts as a dict
    sa.Column("facts", _dict(), nullable=False),
    sa.Column("boot", sa.BigInteger, nullable=False, default=0),
    sa.Column("seq", sa.BigInteger, nullable=False, default=0),
    sa.Column("seen_version", sa.Integer, nullable=False, default=-1),
    sa.Column("last_seen", _time()),
    sa.Column("created_at", _time(), nullable=False),
    sa.Column("updated_at", _time(), nullable=False),
    sa.UniqueConstraint("name"),
)

# One row for each incarnation that may still use something of a host; gone
# only with the agent's word that nothing is left.
claims = sa.Table(
    "claims",
    metadata,
    _uuid("set_id", primary_key=True),
    sa.Column("incarnation", sa.Integer, primary_key=True),
    _uuid("host_id", nullable=False),
    sa.Column("millicpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("disk_gb", sa.Integer, nullable=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.Index(None, "host_id"),
)

# Where the next address comes from: a cursor, so that a freed one rests.
address_pools = sa.Table(
    "address_pools",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("cidr", sa.String(64), nullable=False),
    sa.Column("cursor", sa.BigInteger, nullable=False, default=0),
)

addresses = sa.Table(
    "addresses",
    metadata,
    sa.Column("pool", sa.String(64), primary_key=True),
    sa.Column("address", sa.String(45), primary_key=True),
    _uuid("set_id", nullable=False),
    sa.UniqueConstraint("set_id"),
)

flavors = sa.Table(
    "flavors",
    metadata,
    _uuid("id", primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("description", sa.String(255), nullable=False, default=""),
    sa.Column("millicpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("disk_gb", sa.Integer, nullable=False),
    sa.Column("cpu_burst", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.UniqueConstraint("name"),
)

# Of users, across projects.  Any number of users may have the same key.
keypairs = sa.Table(
    "keypairs",
    metadata,
    _uuid("id", primary_key=True),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    # 0, 1 ...: what holds the number of them to a limit
    sa.Column("slot", sa.Integer, nullable=False),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    # MD5 in hex with colons
    sa.Column("fingerprint", sa.String(47), nullable=False),
    # as OpenSSH shows it: what the gateway looks a key up by
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.UniqueConstraint("user_id", "name"),
    sa.UniqueConstraint("user_id", "slot"),
    sa.Index(None, "sha256"),
)

# Limits that differ from the configured defaults; -1 for none.
quotas = sa.Table(
    "quotas",
    metadata,
    sa.Column("project_id", sa.String(64), primary_key=True),
    sa.Column("resource", sa.String(64), primary_key=True),
    sa.Column("limit", sa.BigInteger, nullable=False),
)

quota_usages = sa.Table(
    "quota_usages",
    metadata,
    sa.Column("project_id", sa.String(64), primary_key=True),
    sa.Column("resource", sa.String(64), primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    _uuid("id", primary_key=True),
    sa.Column("at", _time(), nullable=False),
    # NULL for what belongs to no project (hosts)
    sa.Column("project_id", sa.String(64)),
    sa.Column("user_id", sa.String(64)),
    # of model.events.OBJECT_TYPES
    sa.Column("object_type", sa.String(16), nullable=False),
    sa.Column("object_id", sa.String(64), nullable=False),
    # what it was about within the set that is the object; "" for all of it
    sa.Column("container", sa.String(63), nullable=False, default=""),
    _uuid("container_id", nullable=False, default=""),
    # e.g. set.create, set.schedule, container.exited
    sa.Column("action", sa.String(64), nullable=False),
    # accepted | success | error
    sa.Column("result", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("request_id", sa.String(64), nullable=False, default=""),
    # name of the host or conductor it happened on, for operators
    sa.Column("host", sa.String(255), nullable=False, default=""),
    sa.Column("details", _dict(), nullable=False),
    # pages are in the order of time and id
    sa.Index(None, "object_type", "object_id", "at", "id"),
    sa.Index(None, "project_id", "at", "id"),
    sa.Index(None, "host", "at", "id"),
    sa.Index(None, "at", "id"),
    sa.Index(None, "request_id"),
)

# What one conductor at a time does now and then.
duties = sa.Table(
    "duties",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    # until then it is left alone, or to the one who is at it
    sa.Column("next_at", _time(), nullable=False),
)

# What somebody does inside a container, from the asking for it to its end:
# the leave to open a stream, and the record of it.
sessions = sa.Table(
    "sessions",
    metadata,
    _uuid("id", primary_key=True),
    # of the set
    sa.Column("project_id", sa.String(64), nullable=False),
    _uuid("set_id", nullable=False),
    sa.Column("set_name", sa.String(255), nullable=False),
    # NULL for the set as a whole
    _uuid("container_id"),
    sa.Column("container", sa.String(63), nullable=False, default=""),
    sa.Column("user_id", sa.String(64), nullable=False),
    # model.streams.Verb, and its arguments; secrets among them are taken out
    # as it begins
    sa.Column("verb", sa.String(16), nullable=False),
    sa.Column("arguments", _dict(), nullable=False),
    # why, in the words of the user
    sa.Column("reason", sa.String(255), nullable=False, default=""),
    sa.Column("recorded", sa.Boolean, nullable=False, default=False),
    sa.Column("request_id", sa.String(64), nullable=False, default=""),
    # where it goes: incarnation and host of the set
    sa.Column("incarnation", sa.Integer, nullable=False),
    _uuid("host_id", nullable=False),
    # SHA-256 of the token, in hex
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.Column("expires_at", _time(), nullable=False),
    # written by the proxy: which it is, whom it serves, how it went
    sa.Column("proxy", sa.String(255), nullable=False, default=""),
    sa.Column("client", sa.String(64), nullable=False, default=""),
    sa.Column("started_at", _time()),
    sa.Column("ended_at", _time()),
    # success | error
    sa.Column("result", sa.String(16), nullable=False, default=""),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("exit_code", sa.Integer),
    sa.UniqueConstraint("token_hash"),
    sa.Index(None, "project_id", "created_at", "id"),
    sa.Index(None, "set_id"),
    sa.Index(None, "created_at"),
    sa.Index(None, "proxy", "ended_at"),
)

# What was seen in a session, in pieces: lines of asciicast v2, compressed.
recordings = sa.Table(
    "recordings",
    metadata,
    _uuid("session_id", primary_key=True),
    sa.Column("piece", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column(
        "data",
        sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"),
        nullable=False,
    ),
)

# Processes that report themselves; agents are hosts.
services = sa.Table(
    "services",
    metadata,
    _uuid("id", primary_key=True),
    sa.Column("binary", sa.String(64), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("version", sa.String(64), nullable=False, default=""),
    sa.Column("started_at", _time(), nullable=False),
    sa.Column("last_seen", _time(), nullable=False),
    sa.UniqueConstraint("binary", "host"),
)
