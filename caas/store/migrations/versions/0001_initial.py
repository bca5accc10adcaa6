"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

from caas.store.migrations import types

revision = "0001"
down_revision = None


def upgrade() -> None:
    if op.get_bind().dialect.name in ("mysql", "mariadb"):
        # Every character, and names compared as the other databases do.
        op.execute("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    op.create_table(
        "address_pools",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("cidr", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "addresses",
        sa.Column("pool", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("pool", "address"),
        sa.UniqueConstraint("set_id", name=op.f("uq_addresses_set_id")),
    )
    op.create_table(
        "aggregate_hosts",
        sa.Column(
            "aggregate_id", sa.Integer(), autoincrement=False, nullable=False
        ),
        sa.Column("host_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("aggregate_id", "host_id"),
    )
    op.create_index(
        op.f("ix_aggregate_hosts_host_id"),
        "aggregate_hosts",
        ["host_id"],
        unique=False,
    )
    op.create_table(
        "aggregates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("metadata", types.json(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.Column("updated_at", types.time(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name=op.f("uq_aggregates_name")),
        sa.UniqueConstraint("uuid", name=op.f("uq_aggregates_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "claims",
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("host_id", sa.String(length=36), nullable=False),
        sa.Column("millicpus", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.Integer(), nullable=False),
        sa.Column("disk_gb", sa.Integer(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "incarnation"),
    )
    op.create_index(
        op.f("ix_claims_host_id"), "claims", ["host_id"], unique=False
    )
    op.create_table(
        "containers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("idx", sa.Integer(), nullable=False),
        sa.Column("spec", types.json(), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=True),
        sa.Column("restart_epoch", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("signal_epoch", sa.Integer(), nullable=False),
        sa.Column("signal", sa.String(length=16), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.Column("deleted_at", types.time(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("health", sa.String(length=16), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("oom_killed", sa.Boolean(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("started_at", types.time(), nullable=True),
        sa.Column("finished_at", types.time(), nullable=True),
        sa.Column("runtime_id", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "set_id", "name", name=op.f("uq_containers_set_id_name")
        ),
    )
    op.create_index(
        op.f("ix_containers_image_id"),
        "containers",
        ["image_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_containers_project_id_created_at_id"),
        "containers",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "events",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", types.time(), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=True),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("object_type", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=False),
        sa.Column("container", sa.String(length=63), nullable=False),
        sa.Column("container_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("details", types.json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_events_at_id"), "events", ["at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_events_host_at_id"),
        "events",
        ["host", "at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_events_object_type_object_id_at_id"),
        "events",
        ["object_type", "object_id", "at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_events_project_id_at_id"),
        "events",
        ["project_id", "at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_events_request_id"), "events", ["request_id"], unique=False
    )
    op.create_table(
        "duties",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("next_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "flavor_access",
        sa.Column("flavor_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("flavor_id", "project_id"),
    )
    op.create_index(
        op.f("ix_flavor_access_project_id"),
        "flavor_access",
        ["project_id"],
        unique=False,
    )
    op.create_table(
        "flavors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("millicpus", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.Integer(), nullable=False),
        sa.Column("disk_gb", sa.Integer(), nullable=False),
        sa.Column("cpu_burst", sa.Boolean(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("extra_specs", types.json(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name=op.f("uq_flavors_name")),
    )
    op.create_table(
        "history",
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", types.time(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("content", types.json(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "revision"),
    )
    op.create_table(
        "hosts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=255), nullable=True),
        sa.Column("forced_down", sa.Boolean(), nullable=False),
        sa.Column("aggregate_zone", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("used_millicpus", sa.BigInteger(), nullable=False),
        sa.Column("used_memory_mb", sa.BigInteger(), nullable=False),
        sa.Column("used_disk_gb", sa.BigInteger(), nullable=False),
        sa.Column("used_sets", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=255), nullable=False),
        sa.Column("millicpus", sa.BigInteger(), nullable=False),
        sa.Column("memory_mb", sa.BigInteger(), nullable=False),
        sa.Column("disk_gb", sa.BigInteger(), nullable=False),
        sa.Column("unfit", sa.String(length=255), nullable=False),
        sa.Column("facts", types.json(), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("seen_version", sa.Integer(), nullable=False),
        sa.Column("last_seen", types.time(), nullable=True),
        sa.Column("created_at", types.time(), nullable=False),
        sa.Column("updated_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name=op.f("uq_hosts_name")),
    )
    op.create_table(
        "keypairs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=47), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "user_id", "name", name=op.f("uq_keypairs_user_id_name")
        ),
        sa.UniqueConstraint(
            "user_id", "slot", name=op.f("uq_keypairs_user_id_slot")
        ),
    )
    op.create_index(
        op.f("ix_keypairs_sha256"), "keypairs", ["sha256"], unique=False
    )
    op.create_table(
        "quota_usages",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "resource"),
    )
    op.create_table(
        "quotas",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "resource"),
    )
    op.create_table(
        "services",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("binary", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("started_at", types.time(), nullable=False),
        sa.Column("last_seen", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "binary", "host", name=op.f("uq_services_binary_host")
        ),
    )
    op.create_table(
        "server_groups",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("policy", sa.String(length=32), nullable=False),
        sa.Column("max_per_host", sa.Integer(), nullable=True),
        sa.Column("created_at", types.time(), nullable=False),
        sa.Column("updated_at", types.time(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_server_groups_project_id_created_at_id"),
        "server_groups",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "set_inputs",
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_data", sa.Text(), nullable=False),
        sa.Column("files", types.json(), nullable=False),
        sa.PrimaryKeyConstraint("set_id"),
    )
    op.create_table(
        "set_tags",
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "tag"),
    )
    op.create_index(op.f("ix_set_tags_tag"), "set_tags", ["tag"], unique=False)
    op.create_table(
        "sets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("hostname", sa.String(length=63), nullable=False),
        sa.Column("metadata", types.json(), nullable=False),
        sa.Column("flavor_id", sa.String(length=36), nullable=False),
        sa.Column("flavor_name", sa.String(length=255), nullable=False),
        sa.Column("flavor_specs", types.json(), nullable=False),
        sa.Column("in_rescue", sa.Boolean(), nullable=False),
        sa.Column("rescued", types.json(), nullable=False),
        sa.Column("millicpus", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.Integer(), nullable=False),
        sa.Column("disk_gb", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=255), nullable=True),
        sa.Column("reservation_id", sa.String(length=36), nullable=False),
        sa.Column("min_count", sa.Integer(), nullable=False),
        sa.Column("desired", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("restart_epoch", sa.Integer(), nullable=False),
        sa.Column("grace_period", sa.Integer(), nullable=False),
        sa.Column("cpu_burst", sa.Boolean(), nullable=False),
        sa.Column("sysctls", types.json(), nullable=False),
        sa.Column("change_revision", sa.Integer(), nullable=False),
        sa.Column("change_action", sa.String(length=16), nullable=False),
        sa.Column("change_from", types.json(), nullable=False),
        sa.Column("monitor", sa.Float(), nullable=False),
        sa.Column("failure", types.json(), nullable=False),
        sa.Column("resized_at", types.time(), nullable=True),
        sa.Column("resized_from", types.json(), nullable=False),
        sa.Column("frozen_before", sa.String(length=16), nullable=False),
        sa.Column("frozen", sa.String(length=16), nullable=False),
        sa.Column("shelved", sa.String(length=16), nullable=False),
        sa.Column("binned_at", types.time(), nullable=True),
        sa.Column("move", sa.String(length=16), nullable=False),
        sa.Column("move_from", sa.Integer(), nullable=False),
        sa.Column("move_to", sa.String(length=255), nullable=False),
        sa.Column("locked_by", sa.String(length=16), nullable=False),
        sa.Column("locked_reason", sa.String(length=255), nullable=False),
        sa.Column("access_ipv4", sa.String(length=15), nullable=False),
        sa.Column("access_ipv6", sa.String(length=45), nullable=False),
        sa.Column("networked", sa.Boolean(), nullable=False),
        sa.Column("marked", sa.Boolean(), nullable=False),
        sa.Column("has_user_data", sa.Boolean(), nullable=False),
        sa.Column("key_name", sa.String(length=255), nullable=False),
        sa.Column("group_id", sa.String(length=36), nullable=True),
        sa.Column("hints", types.json(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.Column("updated_at", types.time(), nullable=False),
        sa.Column("deleted_at", types.time(), nullable=True),
        sa.Column("placement", sa.String(length=16), nullable=False),
        sa.Column("placement_reason", sa.Text(), nullable=False),
        sa.Column("host_id", sa.String(length=36), nullable=True),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("issued", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", types.time(), nullable=True),
        sa.Column("deadline", types.time(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("to_tell", sa.Boolean(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("phase_reason", sa.Text(), nullable=False),
        sa.Column("seen_incarnation", sa.Integer(), nullable=False),
        sa.Column("seen_revision", sa.Integer(), nullable=False),
        sa.Column("launched_at", types.time(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_sets_deadline"), "sets", ["deadline"], unique=False
    )
    op.create_index(
        op.f("ix_sets_deleted_at"), "sets", ["deleted_at"], unique=False
    )
    op.create_index(
        op.f("ix_sets_group_id"), "sets", ["group_id"], unique=False
    )
    op.create_index(op.f("ix_sets_host_id"), "sets", ["host_id"], unique=False)
    op.create_index(
        op.f("ix_sets_placement_deleted_at"),
        "sets",
        ["placement", "deleted_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_sets_project_id_created_at_id"),
        "sets",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_sets_reservation_id"),
        "sets",
        ["reservation_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_sets_resized_at"), "sets", ["resized_at"], unique=False
    )
    op.create_index(
        op.f("ix_sets_binned_at"), "sets", ["binned_at"], unique=False
    )
    op.create_index(op.f("ix_sets_to_tell"), "sets", ["to_tell"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.Column("set_name", sa.String(length=255), nullable=False),
        sa.Column("container_id", sa.String(length=36), nullable=True),
        sa.Column("container", sa.String(length=63), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("verb", sa.String(length=16), nullable=False),
        sa.Column("arguments", types.json(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("recorded", sa.Boolean(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("host_id", sa.String(length=36), nullable=False),
        sa.Column("alone", sa.Boolean(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.Column("expires_at", types.time(), nullable=False),
        sa.Column("proxy", sa.String(length=255), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("started_at", types.time(), nullable=True),
        sa.Column("ended_at", types.time(), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index(
        op.f("ix_sessions_created_at"),
        "sessions",
        ["created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_sessions_project_id_created_at_id"),
        "sessions",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_sessions_proxy_ended_at"),
        "sessions",
        ["proxy", "ended_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_sessions_set_id"), "sessions", ["set_id"], unique=False
    )
    op.create_table(
        "recordings",
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("piece", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", types.blob(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "piece"),
    )
    op.create_table(
        "namespaces",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name=op.f("uq_namespaces_name")),
    )
    op.create_index(
        op.f("ix_namespaces_project_id_name"),
        "namespaces",
        ["project_id", "name"],
        unique=False,
    )
    op.create_table(
        "namespace_members",
        sa.Column("namespace_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("namespace_id", "project_id"),
    )
    op.create_index(
        op.f("ix_namespace_members_project_id"),
        "namespace_members",
        ["project_id"],
        unique=False,
    )
    op.create_table(
        "blobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("data_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.Column("diff_id", sa.String(length=71), nullable=False),
        sa.Column("unpacked_size", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.Boolean(), nullable=False),
        sa.Column("leaving", sa.Boolean(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("used_at", types.time(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "project_id", "digest", name=op.f("uq_blobs_project_id_digest")
        ),
    )
    op.create_index(
        op.f("ix_blobs_project_id_diff_id"),
        "blobs",
        ["project_id", "diff_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_blobs_used_at"), "blobs", ["used_at"], unique=False
    )
    op.create_index(op.f("ix_blobs_digest"), "blobs", ["digest"], unique=False)
    op.create_index(
        op.f("ix_blobs_leaving"), "blobs", ["leaving"], unique=False
    )
    op.create_index(
        op.f("ix_blobs_published_used_at"),
        "blobs",
        ["published", "used_at"],
        unique=False,
    )
    op.create_table(
        "blob_links",
        sa.Column("namespace_id", sa.String(length=36), nullable=False),
        sa.Column("blob_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("namespace_id", "blob_id"),
    )
    op.create_index(
        op.f("ix_blob_links_blob_id"), "blob_links", ["blob_id"], unique=False
    )
    op.create_table(
        "layers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("blob_id", sa.String(length=36), nullable=False),
        sa.Column("parent_id", sa.String(length=36), nullable=False),
        sa.Column("chain_id", sa.String(length=71), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("used_at", types.time(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "project_id",
            "blob_id",
            "parent_id",
            name=op.f("uq_layers_project_id_blob_id_parent_id"),
        ),
    )
    op.create_index(
        op.f("ix_layers_blob_id"), "layers", ["blob_id"], unique=False
    )
    op.create_index(
        op.f("ix_layers_parent_id"), "layers", ["parent_id"], unique=False
    )
    op.create_index(
        op.f("ix_layers_chain_id_project_id"),
        "layers",
        ["chain_id", "project_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_layers_used_at"), "layers", ["used_at"], unique=False
    )
    op.create_index(
        op.f("ix_layers_published_used_at"),
        "layers",
        ["published", "used_at"],
        unique=False,
    )
    op.create_table(
        "manifests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("namespace_id", sa.String(length=36), nullable=False),
        sa.Column("repository", sa.String(length=191), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("media_type", sa.String(length=255), nullable=False),
        sa.Column("artifact_type", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=71), nullable=False),
        sa.Column("annotations", types.json(), nullable=False),
        sa.Column("body", types.blob(), nullable=False),
        sa.Column("config", types.json(), nullable=False),
        sa.Column("top_layer_id", sa.String(length=36), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("unpacked_size", sa.BigInteger(), nullable=False),
        sa.Column("os", sa.String(length=64), nullable=False),
        sa.Column("architecture", sa.String(length=64), nullable=False),
        sa.Column("problem", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("used_at", types.time(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "namespace_id",
            "repository",
            "digest",
            name=op.f("uq_manifests_namespace_id_repository_digest"),
        ),
    )
    op.create_index(
        op.f("ix_manifests_digest"), "manifests", ["digest"], unique=False
    )
    op.create_index(
        op.f("ix_manifests_namespace_id_repository_subject"),
        "manifests",
        ["namespace_id", "repository", "subject"],
        unique=False,
    )
    op.create_index(
        op.f("ix_manifests_used_at"), "manifests", ["used_at"], unique=False
    )
    op.create_index(
        op.f("ix_manifests_top_layer_id"),
        "manifests",
        ["top_layer_id"],
        unique=False,
    )
    op.create_table(
        "manifest_blobs",
        sa.Column("manifest_id", sa.String(length=36), nullable=False),
        sa.Column(
            "position", sa.Integer(), autoincrement=False, nullable=False
        ),
        sa.Column("blob_id", sa.String(length=36), nullable=False),
        sa.Column("layer_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("manifest_id", "position"),
    )
    op.create_index(
        op.f("ix_manifest_blobs_blob_id"),
        "manifest_blobs",
        ["blob_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_manifest_blobs_layer_id"),
        "manifest_blobs",
        ["layer_id"],
        unique=False,
    )
    op.create_table(
        "manifest_children",
        sa.Column("manifest_id", sa.String(length=36), nullable=False),
        sa.Column("child_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("manifest_id", "child_id"),
    )
    op.create_index(
        op.f("ix_manifest_children_child_id"),
        "manifest_children",
        ["child_id"],
        unique=False,
    )
    op.create_table(
        "tags",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("namespace_id", sa.String(length=36), nullable=False),
        sa.Column("repository", sa.String(length=191), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("former", sa.String(length=36), nullable=False),
        sa.Column("manifest_id", sa.String(length=36), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.Column("updated_at", types.time(), nullable=False),
        sa.Column("deleted_at", types.time(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("image_id", name=op.f("uq_tags_image_id")),
        sa.UniqueConstraint(
            "namespace_id",
            "repository",
            "name",
            "former",
            name=op.f("uq_tags_namespace_id_repository_name_former"),
        ),
    )
    op.create_index(
        op.f("ix_tags_deleted_at"), "tags", ["deleted_at"], unique=False
    )
    op.create_index(
        op.f("ix_tags_manifest_id"), "tags", ["manifest_id"], unique=False
    )
    op.create_index(
        op.f("ix_tags_published"), "tags", ["published"], unique=False
    )
    op.create_table(
        "image_aliases",
        sa.Column("old_id", sa.String(length=36), nullable=False),
        sa.Column("tag_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("old_id"),
    )
    op.create_index(
        op.f("ix_image_aliases_tag_id"),
        "image_aliases",
        ["tag_id"],
        unique=False,
    )
    op.create_table(
        "backups",
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("rotation", sa.Integer(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("image_id"),
    )
    op.create_index(
        op.f("ix_backups_set_id"), "backups", ["set_id"], unique=False
    )
    op.create_table(
        "retentions",
        sa.Column("namespace_id", sa.String(length=36), nullable=False),
        sa.Column("content", types.json(), nullable=False),
        sa.Column("updated_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("namespace_id"),
    )
    op.create_table(
        "image_policies",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("content", types.json(), nullable=False),
        sa.Column("updated_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("namespace_id", sa.String(length=36), nullable=False),
        sa.Column("repository", sa.String(length=191), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("writing", sa.String(length=36), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.Column("updated_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_uploads_updated_at"), "uploads", ["updated_at"], unique=False
    )
    op.create_table(
        "upload_parts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("upload_id", sa.String(length=36), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.Boolean(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("content", types.json(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_upload_parts_upload_id_offset"),
        "upload_parts",
        ["upload_id", "offset"],
        unique=False,
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("arguments", types.json(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.Column("container_id", sa.String(length=36), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("to_tell", sa.Boolean(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=False),
        sa.Column("lease_until", types.time(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("deadline", types.time(), nullable=False),
        sa.Column("created_at", types.time(), nullable=False),
        sa.Column("updated_at", types.time(), nullable=False),
        sa.Column("ended_at", types.time(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "kind", "subject", name=op.f("uq_jobs_kind_subject")
        ),
    )
    op.create_index(
        op.f("ix_jobs_project_id_created_at_id"),
        "jobs",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_jobs_set_id"), "jobs", ["set_id"], unique=False)
    op.create_index(op.f("ix_jobs_to_tell"), "jobs", ["to_tell"], unique=False)
    op.create_index(
        op.f("ix_jobs_state_lease_until"),
        "jobs",
        ["state", "lease_until"],
        unique=False,
    )
