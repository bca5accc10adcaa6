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
    sa.Column("flavor_specs", _dict(), nullable=False, default={}),
    # a shell stands in for the first container, and what that is to be again
    sa.Column("in_rescue", sa.Boolean, nullable=False, default=False),
    sa.Column("rescued", _dict(), nullable=False, default={}),
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
    # a resize that waits to be confirmed or reverted: when it was asked for,
    # and model.content.Content as it was before
    sa.Column("resized_at", _time()),
    sa.Column("resized_from", _dict(), nullable=False, default={}),
    # what the next one was until they were to go on; before it, as MariaDB
    # sets columns in this order
    sa.Column("frozen_before", sa.String(16), nullable=False, default=""),
    # all its containers are frozen: model.states.Frozen, "" if not
    sa.Column("frozen", sa.String(16), nullable=False, default=""),
    # it is put away: model.states.Shelved, "" if not
    sa.Column("shelved", sa.String(16), nullable=False, default=""),
    # since when it is in the recycle bin, where it is put away; it counts in
    # no quota meanwhile
    sa.Column("binned_at", _time()),
    # it is on its way to another host: model.states.Move, "" if not; the
    # incarnation that is left; and the name of the host it is to go to, ""
    # for any other
    sa.Column("move", sa.String(16), nullable=False, default=""),
    sa.Column("move_from", sa.Integer, nullable=False, default=0),
    sa.Column("move_to", sa.String(255), nullable=False, default=""),
    # only who may override locks can change it: model.states.LockedBy, "" if
    # anybody can; why, in the user's words
    sa.Column("locked_by", sa.String(16), nullable=False, default=""),
    sa.Column("locked_reason", sa.String(255), nullable=False, default=""),
    # addresses that users say it is reached at, "" for none
    sa.Column("access_ipv4", sa.String(15), nullable=False, default=""),
    sa.Column("access_ipv6", sa.String(45), nullable=False, default=""),
    # it is to have an address
    sa.Column("networked", sa.Boolean, nullable=False, default=True),
    # operators say that it is broken, until somebody wants something of it
    sa.Column("marked", sa.Boolean, nullable=False, default=False),
    # there are some in set_inputs
    sa.Column("has_user_data", sa.Boolean, nullable=False, default=False),
    # of the key pair of its user that is to open it, "" for none
    sa.Column("key_name", sa.String(255), nullable=False, default=""),
    # its server group, NULL for none
    _uuid("group_id"),
    # model.hints.Hints
    sa.Column("hints", _dict(), nullable=False, default={}),
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
    # its host is to be told of what is no new revision: words that containers
    # are told, which change nothing of what it is; core sets it, and the
    # conductor takes it back
    sa.Column("to_tell", sa.Boolean, nullable=False, default=False),
    # observed
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("phase_reason", sa.Text, nullable=False, default=""),
    sa.Column("seen_incarnation", sa.Integer, nullable=False, default=0),
    sa.Column("seen_revision", sa.Integer, nullable=False, default=0),
    sa.Column("launched_at", _time()),
    sa.Index(None, "project_id", "created_at", "id"),
    sa.Index(None, "host_id"),
    sa.Index(None, "reservation_id"),
    sa.Index(None, "group_id"),
    sa.Index(None, "placement", "deleted_at"),
    sa.Index(None, "deadline"),
    sa.Index(None, "deleted_at"),
    sa.Index(None, "to_tell"),
    sa.Index(None, "resized_at"),
    sa.Index(None, "binned_at"),
)

# What a user hands into the containers: model.inputs.Inputs, and the key of
# ``sets.key_name`` as it was then.  Only of sets that have some, and apart
# from them as it may be large.
set_inputs = sa.Table(
    "set_inputs",
    metadata,
    _uuid("set_id", primary_key=True),
    sa.Column("public_key", sa.Text, nullable=False, default=""),
    # of the two below
    sa.Column("digest", sa.String(64), nullable=False, default=""),
    sa.Column("user_data", sa.Text, nullable=False, default=""),
    sa.Column("files", _dict(), nullable=False),
)

# Sets that are to be on one host, or apart.
server_groups = sa.Table(
    "server_groups",
    metadata,
    # desired
    _uuid("id", primary_key=True),
    sa.Column("project_id", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    # model.server_groups.Policy
    sa.Column("policy", sa.String(32), nullable=False),
    # of anti-affinity, NULL where nothing was said
    sa.Column("max_per_host", sa.Integer),
    sa.Column("created_at", _time(), nullable=False),
    # when a set last joined it
    sa.Column("updated_at", _time(), nullable=False),
    # placement: raised whenever sets of it get hosts, so that of two who
    # planned from the same state only one can write what it planned
    sa.Column("version", sa.Integer, nullable=False, default=0),
    sa.Index(None, "project_id", "created_at", "id"),
)

# Words that users find their sets by.
set_tags = sa.Table(
    "set_tags",
    metadata,
    _uuid("set_id", primary_key=True),
    sa.Column("tag", sa.String(60), primary_key=True),
    sa.Index(None, "tag"),
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
    # it counts as down, whatever it reports
    sa.Column("forced_down", sa.Boolean, nullable=False, default=False),
    # of an aggregate it is in; NULL: the one its agent names counts
    sa.Column("aggregate_zone", sa.String(255)),
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

# Groups of hosts that operators made.
aggregates = sa.Table(
    "aggregates",
    metadata,
    # Nova's have numbers
    sa.Column("id", sa.Integer, primary_key=True),
    _uuid("uuid", nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    # their zone is that of "availability_zone", if it is there
    sa.Column("metadata", _dict(), nullable=False),
    # rises with each change
    sa.Column("revision", sa.Integer, nullable=False, default=0),
    sa.Column("created_at", _time(), nullable=False),
    sa.Column("updated_at", _time()),
    sa.UniqueConstraint("name"),
    sa.UniqueConstraint("uuid"),
    # numbers of those that are gone are not given again
    sqlite_autoincrement=True,
)

aggregate_hosts = sa.Table(
    "aggregate_hosts",
    metadata,
    sa.Column(
        "aggregate_id", sa.Integer, primary_key=True, autoincrement=False
    ),
    _uuid("host_id", primary_key=True),
    sa.Index(None, "host_id"),
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
    # all projects may use it, else those of flavor_access
    sa.Column("public", sa.Boolean, nullable=False, default=True),
    # see model.extra_specs
    sa.Column("extra_specs", _dict(), nullable=False, default={}),
    # rises with each change of them
    sa.Column("revision", sa.Integer, nullable=False, default=0),
    sa.Column("created_at", _time(), nullable=False),
    sa.UniqueConstraint("name"),
)

flavor_access = sa.Table(
    "flavor_access",
    metadata,
    _uuid("flavor_id", primary_key=True),
    sa.Column("project_id", sa.String(64), primary_key=True),
    sa.Index(None, "project_id"),
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
    # its token is enough to begin it
    sa.Column("alone", sa.Boolean, nullable=False, default=False),
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

# --- images: what a registry needs to find bytes that are in Glance ---------

# First parts of names of images, unique in the cloud.
namespaces = sa.Table(
    "namespaces",
    metadata,
    _uuid("id", primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    # the owner, in whose name everything in it is stored
    sa.Column("project_id", sa.String(64), nullable=False),
    sa.Column("description", sa.String(255), nullable=False, default=""),
    # everybody with an account may pull
    sa.Column("public", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.UniqueConstraint("name"),
    sa.Index(None, "project_id", "name"),
)

namespace_members = sa.Table(
    "namespace_members",
    metadata,
    _uuid("namespace_id", primary_key=True),
    sa.Column("project_id", sa.String(64), primary_key=True),
    # pull | push (which includes pull)
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.Index(None, "project_id"),
)

# Bytes stored once for each project: layers, configurations, anything.
blobs = sa.Table(
    "blobs",
    metadata,
    # of its Glance record
    _uuid("id", primary_key=True),
    # of the one with the bytes: another, if they were uploaded again after
    # the first was deleted in Glance
    _uuid("data_id", nullable=False),
    sa.Column("project_id", sa.String(64), nullable=False),
    # sha256:hex of the bytes as pushed
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    # tar | json | other, and why it is no tar though it looks like one
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("problem", sa.String(255), nullable=False, default=""),
    # of a tar: sha256:hex and number of the unpacked bytes
    sa.Column("diff_id", sa.String(71), nullable=False, default=""),
    sa.Column("unpacked_size", sa.BigInteger, nullable=False, default=0),
    # Glance does not have the bytes
    sa.Column("missing", sa.Boolean, nullable=False, default=False),
    # its Glance record says that it is at a place where it is not
    sa.Column("leaving", sa.Boolean, nullable=False, default=False),
    # its Glance record says what it is
    sa.Column("published", sa.Boolean, nullable=False, default=False),
    # when somebody last relied on its being there
    sa.Column("used_at", _time(), nullable=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.UniqueConstraint("project_id", "digest"),
    sa.Index(None, "digest"),
    sa.Index(None, "leaving"),
    sa.Index(None, "project_id", "diff_id"),
    sa.Index(None, "published", "used_at"),
    sa.Index(None, "used_at"),
)

# From which namespaces of its project a blob is to be seen: members of one
# must not find what is in others.
blob_links = sa.Table(
    "blob_links",
    metadata,
    _uuid("namespace_id", primary_key=True),
    _uuid("blob_id", primary_key=True),
    sa.Index(None, "blob_id"),
)

# Blobs at their places in the tree.
layers = sa.Table(
    "layers",
    metadata,
    # of its Glance record: the blob's own for the first place it stands at
    _uuid("id", primary_key=True),
    sa.Column("project_id", sa.String(64), nullable=False),
    _uuid("blob_id", nullable=False),
    # "" for a layer at the bottom
    _uuid("parent_id", nullable=False, default=""),
    # as the OCI image specification defines it
    sa.Column("chain_id", sa.String(71), nullable=False),
    # its Glance record has its properties
    sa.Column("published", sa.Boolean, nullable=False, default=False),
    # when somebody last relied on its being there
    sa.Column("used_at", _time(), nullable=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.UniqueConstraint("project_id", "blob_id", "parent_id"),
    sa.Index(None, "blob_id"),
    sa.Index(None, "parent_id"),
    sa.Index(None, "chain_id", "project_id"),
    sa.Index(None, "used_at"),
    sa.Index(None, "published", "used_at"),
)

manifests = sa.Table(
    "manifests",
    metadata,
    _uuid("id", primary_key=True),
    _uuid("namespace_id", nullable=False),
    # what follows the namespace in the name
    sa.Column("repository", sa.String(191), nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("media_type", sa.String(255), nullable=False),
    sa.Column("artifact_type", sa.String(255), nullable=False, default=""),
    # digest of the manifest it refers to
    sa.Column("subject", sa.String(71), nullable=False, default=""),
    sa.Column("annotations", _dict(), nullable=False, default={}),
    # as pushed, byte for byte
    sa.Column(
        "body",
        sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"),
        nullable=False,
    ),
    # of an image: its configuration
    sa.Column("config", _dict(), nullable=False, default={}),
    _uuid("top_layer_id", nullable=False, default=""),
    # bytes of its layers as stored, and unpacked
    sa.Column("size", sa.BigInteger, nullable=False, default=0),
    sa.Column("unpacked_size", sa.BigInteger, nullable=False, default=0),
    sa.Column("os", sa.String(64), nullable=False, default=""),
    sa.Column("architecture", sa.String(64), nullable=False, default=""),
    # why no set can be made of it
    sa.Column("problem", sa.String(255), nullable=False, default=""),
    # live | deleted (by a user: only hosts may still read it)
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("used_at", _time(), nullable=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.UniqueConstraint("namespace_id", "repository", "digest"),
    sa.Index(None, "digest"),
    sa.Index(None, "namespace_id", "repository", "subject"),
    sa.Index(None, "top_layer_id"),
    sa.Index(None, "used_at"),
)

manifest_blobs = sa.Table(
    "manifest_blobs",
    metadata,
    _uuid("manifest_id", primary_key=True),
    # 0 for the configuration, then the layers from the bottom
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    _uuid("blob_id", nullable=False),
    # of layers: where in the tree
    _uuid("layer_id", nullable=False, default=""),
    sa.Index(None, "blob_id"),
    sa.Index(None, "layer_id"),
)

# Of indexes.
manifest_children = sa.Table(
    "manifest_children",
    metadata,
    _uuid("manifest_id", primary_key=True),
    _uuid("child_id", primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Index(None, "child_id"),
)

# Images: names for manifests.
tags = sa.Table(
    "tags",
    metadata,
    _uuid("id", primary_key=True),
    _uuid("namespace_id", nullable=False),
    sa.Column("repository", sa.String(191), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    # "" for the one that has the name, else its id: it does not have it yet,
    # or no longer
    _uuid("former", nullable=False, default=""),
    _uuid("manifest_id", nullable=False),
    # of its Glance record
    _uuid("image_id", nullable=False),
    # the Glance record shows what is written here
    sa.Column("published", sa.Boolean, nullable=False, default=False),
    sa.Column("user_id", sa.String(64), nullable=False, default=""),
    sa.Column("created_at", _time(), nullable=False),
    sa.Column("updated_at", _time(), nullable=False),
    # since when it is in the recycle bin
    sa.Column("deleted_at", _time()),
    sa.UniqueConstraint("namespace_id", "repository", "name", "former"),
    sa.UniqueConstraint("image_id"),
    sa.Index(None, "manifest_id"),
    sa.Index(None, "published"),
    sa.Index(None, "deleted_at"),
)

# Ids by which images were known before: of archives that were taken apart.
image_aliases = sa.Table(
    "image_aliases",
    metadata,
    _uuid("old_id", primary_key=True),
    _uuid("tag_id", nullable=False),
    sa.Index(None, "tag_id"),
)

# What goes of a namespace by itself, and when: see model.retention.
retentions = sa.Table(
    "retentions",
    metadata,
    _uuid("namespace_id", primary_key=True),
    sa.Column("content", _dict(), nullable=False),
    sa.Column("updated_at", _time(), nullable=False),
)

# What is demanded of images; the project "" is the cloud: see
# model.image_policies.
image_policies = sa.Table(
    "image_policies",
    metadata,
    sa.Column("project_id", sa.String(64), primary_key=True),
    sa.Column("content", _dict(), nullable=False),
    sa.Column("updated_at", _time(), nullable=False),
)

# Uploads under way; each body that came is a Glance record.
uploads = sa.Table(
    "uploads",
    metadata,
    _uuid("id", primary_key=True),
    _uuid("namespace_id", nullable=False),
    sa.Column("repository", sa.String(191), nullable=False),
    # scope
    sa.Column("project_id", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False),
    # bytes that are safe
    sa.Column("size", sa.BigInteger, nullable=False, default=0),
    # the part that is on its way; a body that began before it came is lost
    _uuid("writing", nullable=False, default=""),
    sa.Column("created_at", _time(), nullable=False),
    sa.Column("updated_at", _time(), nullable=False),
    sa.Index(None, "updated_at"),
)

upload_parts = sa.Table(
    "upload_parts",
    metadata,
    # of its Glance record, written before that is made
    _uuid("id", primary_key=True),
    # "" once nobody wants it: to be deleted in Glance, then here.  That of a
    # job: it is to be the image that the job makes
    _uuid("upload_id", nullable=False, default=""),
    # of its first byte
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False, default=0),
    # it is whole
    sa.Column("stored", sa.Boolean, nullable=False, default=False),
    # its Glance record says what it is
    sa.Column("published", sa.Boolean, nullable=False, default=False),
    # of its bytes, as of blobs
    sa.Column("content", _dict(), nullable=False, default={}),
    sa.Column("created_at", _time(), nullable=False),
    sa.Index(None, "upload_id", "offset"),
)

# Images that are the backups of sets, of which so many are kept.
backups = sa.Table(
    "backups",
    metadata,
    _uuid("image_id", primary_key=True),
    _uuid("set_id", nullable=False),
    # as the user calls them, such as "daily"
    sa.Column("kind", sa.String(255), nullable=False),
    # how many of them are kept, this one included
    sa.Column("rotation", sa.Integer, nullable=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.Index(None, "set_id"),
)

# What takes long: archives taken apart, containers made images.
jobs = sa.Table(
    "jobs",
    metadata,
    _uuid("id", primary_key=True),
    # import | commit
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("project_id", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False, default=""),
    # at most one of a kind at work on the same thing: what it is of, or the
    # job's own id when it has ended
    sa.Column("subject", sa.String(128), nullable=False),
    # what was asked for, see model.jobs
    sa.Column("arguments", _dict(), nullable=False, default={}),
    # pending | running | done | failed | cancelled
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("progress", sa.String(255), nullable=False, default=""),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    _uuid("set_id", nullable=False, default=""),
    _uuid("container_id", nullable=False, default=""),
    # of the Glance record it made
    _uuid("image_id", nullable=False, default=""),
    # the host of the set has to be told of it, or that it has ended
    sa.Column("to_tell", sa.Boolean, nullable=False, default=False),
    # who is at it, and until when it is left alone
    sa.Column("lease_owner", sa.String(64), nullable=False, default=""),
    sa.Column("lease_until", _time(), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    # when it fails if it has not ended
    sa.Column("deadline", _time(), nullable=False),
    sa.Column("created_at", _time(), nullable=False),
    sa.Column("updated_at", _time(), nullable=False),
    sa.Column("ended_at", _time()),
    sa.UniqueConstraint("kind", "subject"),
    sa.Index(None, "project_id", "created_at", "id"),
    sa.Index(None, "state", "lease_until"),
    sa.Index(None, "set_id"),
    sa.Index(None, "to_tell"),
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
