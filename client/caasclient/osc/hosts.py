"""openstack caas host ..."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from caasclient.osc import base, columns
from caasclient.sdk import hosts


def _usage(what: str) -> Callable[[hosts.Host], dict[str, Any]]:
    return lambda host: {
        "used": (host.used or {}).get(what),
        "capacity": (host.capacity or {}).get(what),
    }


LIST: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("Name", "name", columns.Plain),
    ("Status", "status", columns.Plain),
    ("Enabled", "enabled", columns.Plain),
    ("Unfit", "unfit", columns.Checks),
    ("Availability Zone", "availability_zone", columns.Plain),
    ("Sets", lambda host: (host.used or {}).get("sets"), columns.Plain),
    ("vCPUs", _usage("vcpus"), columns.Usage),
    ("Memory MiB", _usage("memory_mb"), columns.Usage),
    ("Disk GiB", _usage("disk_gb"), columns.Usage),
]
LONG: list[columns.Column] = [
    ("Disabled Reason", "disabled_reason", columns.Plain),
    ("Engine", "engine", columns.Plain),
    ("Engine Version", "engine_version", columns.Plain),
    ("Agent Version", "agent_version", columns.Plain),
    ("Last Seen", "last_seen", columns.Time),
]
SHOW = columns.fields(
    "id",
    "name",
    "status",
    "enabled",
    "disabled_reason",
    "availability_zone",
    "capacity",
    "used",
    "engine",
    "engine_version",
    "api_version",
    "kernel",
    "os",
    "storage_driver",
    "cgroup_version",
    "agent_version",
    "labels",
    "unfit",
    "warnings",
    "version",
    "seen_version",
    "last_seen",
    "created_at",
    capacity=columns.Mapping,
    used=columns.Mapping,
    labels=columns.Mapping,
    unfit=columns.Lines,
    warnings=columns.Lines,
    last_seen=columns.Time,
    created_at=columns.Time,
)


class ListHost(base.Lister):
    """List hosts (administrators)."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--long", action="store_true", help="Show more of each"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        layout = LIST + (LONG if parsed_args.long else [])
        found = self.caas.hosts(sort_key="name", sort_dir="asc")
        return columns.table(layout, found)


class _OnHost(base.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("host", metavar="<host>", help="Name or id")
        return parser

    def find(self, name_or_id: str) -> hosts.Host:
        return base.found(
            self.caas.find_host(name_or_id, ignore_missing=False)
        )


class ShowHost(_OnHost, base.ShowOne):
    """Show a host (administrators)."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        return columns.record(SHOW, self.find(parsed_args.host))


class EnableHost(_OnHost, base.ShowOne):
    """Let a host take new sets again (administrators)."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        host = self.caas.enable_host(self.find(parsed_args.host))
        return columns.record(SHOW, host)


class DisableHost(_OnHost, base.ShowOne):
    """Place no new sets on a host; what runs goes on (administrators)."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--reason", metavar="<text>", help="Why, for other administrators"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        host = self.caas.disable_host(
            self.find(parsed_args.host), parsed_args.reason
        )
        return columns.record(SHOW, host)


class DeleteHost(base.Command):
    """Forget hosts that are down and have no sets (administrators)."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "hosts", metavar="<host>", nargs="+", help="Name or id (several)"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _, errors = base.attempt(parsed_args.hosts, self.delete)
        base.complain(
            errors, len(parsed_args.hosts), "hosts could not be deleted"
        )

    def delete(self, name_or_id: str) -> None:
        host = base.found(
            self.caas.find_host(name_or_id, ignore_missing=False)
        )
        self.caas.delete_host(host, ignore_missing=False)
