"""openstack caas server group ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from caasclient.osc import base, columns
from caasclient.sdk import server_groups

POLICIES = (
    "affinity",
    "anti-affinity",
    "soft-affinity",
    "soft-anti-affinity",
)


class _Members(columns.Plain):
    def text(self, value: Any) -> str:
        return "\n".join(value)


LIST: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("Name", "name", columns.Plain),
    ("Policy", "policy", columns.Plain),
]
PROJECT: list[columns.Column] = [("Project ID", "project_id", columns.Plain)]
SHOW = columns.fields(
    "id",
    "name",
    "policy",
    "max_per_host",
    "members",
    "project_id",
    "user_id",
    "created_at",
    members=_Members,
    created_at=columns.Time,
)


class CreateServerGroup(base.ShowOne):
    """Create a group of sets that are to be on one host, or apart."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="<name>")
        parser.add_argument(
            "--policy",
            metavar="<policy>",
            choices=POLICIES,
            required=True,
            help=", ".join(POLICIES),
        )
        parser.add_argument(
            "--max-per-host",
            metavar="<count>",
            type=int,
            help="So many sets on one host (anti-affinity; default 1)",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        args = parsed_args
        attrs: dict[str, Any] = {"name": args.name, "policy": args.policy}
        if args.max_per_host is not None:
            attrs["max_per_host"] = args.max_per_host
        return columns.record(SHOW, self.caas.create_server_group(**attrs))


class ListServerGroup(base.Lister):
    """List server groups."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="Those of all projects (administrators)",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        query: dict[str, Any] = {"sort_key": "name", "sort_dir": "asc"}
        layout = LIST
        if parsed_args.all_projects:
            query["all_projects"] = True
            layout = LIST + PROJECT
        return columns.table(layout, self.caas.server_groups(**query))


class _OnServerGroups(base.Command):
    def find(self, name_or_id: str) -> server_groups.ServerGroup:
        return base.found(
            self.caas.find_server_group(name_or_id, ignore_missing=False)
        )


class ShowServerGroup(_OnServerGroups, base.ShowOne):
    """Show a server group."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "server_group", metavar="<server-group>", help="Name or id"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        return columns.record(SHOW, self.find(parsed_args.server_group))


class DeleteServerGroup(_OnServerGroups):
    """Delete server groups; their sets stay."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "server_groups",
            metavar="<server-group>",
            nargs="+",
            help="Name or id (several)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _, errors = base.attempt(
            parsed_args.server_groups,
            lambda name: self.caas.delete_server_group(
                self.find(name), ignore_missing=False
            ),
        )
        base.complain(
            errors,
            len(parsed_args.server_groups),
            "server groups could not be deleted",
        )
