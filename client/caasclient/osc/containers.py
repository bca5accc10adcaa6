"""openstack caas container ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from caasclient.osc import base, columns

LIST: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("Name", "name", columns.Plain),
    ("Role", "role", columns.Plain),
    ("Index", "index", columns.Plain),
    ("Status", "status", columns.Plain),
    ("Image", "image", columns.Name),
    ("Restarts", "restarts", columns.Plain),
]
LONG: list[columns.Column] = [
    ("Reason", "reason", columns.Plain),
    ("Exit Code", "exit_code", columns.Plain),
    ("Started At", "started_at", columns.Time),
    ("CPU Percent", "cpu_percent", columns.Plain),
    ("Memory Percent", "memory_percent", columns.Plain),
    ("Command", "command", columns.Words),
]
SHOW = columns.fields(
    "id",
    "name",
    "set_id",
    "role",
    "index",
    "status",
    "reason",
    "exit_code",
    "oom_killed",
    "restarts",
    "created_at",
    "started_at",
    "finished_at",
    "image",
    "command",
    "entrypoint",
    "env",
    "working_dir",
    "user",
    "labels",
    "restart_policy",
    "cpu_percent",
    "memory_percent",
    "ports",
    "mounts",
    image=columns.Image,
    command=columns.Words,
    entrypoint=columns.Words,
    env=columns.Mapping,
    labels=columns.Mapping,
    restart_policy=columns.RestartPolicy,
    ports=columns.Ports,
    mounts=columns.Mounts,
    created_at=columns.Time,
    started_at=columns.Time,
    finished_at=columns.Time,
)
ADMIN = columns.fields("runtime_id")


class ListContainer(base.Lister):
    """List the containers of a set, or of all sets."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--set", metavar="<set>", help="Only of this set, by name or id"
        )
        parser.add_argument(
            "--name", metavar="<name>", help="Only with this name"
        )
        parser.add_argument(
            "--status",
            metavar="<status>",
            type=str.lower,
            help="Only in this status, such as running or exited",
        )
        parser.add_argument(
            "--image", metavar="<image>", help="Only of this image"
        )
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="Of all projects (administrators)",
        )
        parser.add_argument(
            "--long", action="store_true", help="Show more of each"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        layout = LIST + (LONG if args.long else [])
        query: dict[str, Any] = {
            key: value
            for key in ("name", "status")
            if (value := getattr(args, key)) is not None
        }
        if args.image:
            query["image"] = self.image_id(args.image)
        if args.all_projects:
            query["all_projects"] = True
        of = None
        if args.set:
            of = self.caas.find_set(args.set, ignore_missing=False)
        else:
            layout = [*layout, ("Set ID", "set_id", columns.Plain)]
        return columns.table(layout, self.caas.containers(of, **query))


class ShowContainer(base.ShowOne):
    """Show a container."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("set", metavar="<set>", help="Name or id")
        parser.add_argument(
            "container", metavar="<container>", help="Name or id"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        of = base.found(
            self.caas.find_set(parsed_args.set, ignore_missing=False)
        )
        each = self.caas.get_container(of, parsed_args.container)
        layout = SHOW if each.runtime_id is None else SHOW + ADMIN
        return columns.record(layout, each)
