"""openstack caas event ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from caasclient.osc import base, columns

LIST: list[columns.Column] = [
    ("At", "at", columns.Plain),
    ("Object Type", "object_type", columns.Plain),
    ("Object ID", "object_id", columns.Plain),
    ("Container", "container", columns.Plain),
    ("Action", "action", columns.Plain),
    ("Result", "result", columns.Plain),
    ("Reason", "reason", columns.Plain),
    ("Request ID", "request_id", columns.Plain),
]
LONG: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("User ID", "user_id", columns.Plain),
    ("Project ID", "project_id", columns.Plain),
    ("Host", "host", columns.Plain),
    ("Details", "details", columns.Mapping),
]
SHOW = columns.fields(
    "id",
    "at",
    "object_type",
    "object_id",
    "container",
    "container_id",
    "action",
    "result",
    "reason",
    "user_id",
    "project_id",
    "request_id",
    "host",
    "details",
    details=columns.Mapping,
)
FILTERS = {
    "object_type": "Only about these: set, host, image, namespace, flavor, "
    "aggregate, quota, keypair or server-group",
    "object_id": "Only about the object with this id",
    "container": "Only about the container with this name or id",
    "action": "Only of this action, such as set.create; 'set.' or 'set.*' "
    "for all that begin so",
    "result": "Only with this result: accepted, success or error",
    "user_id": "Only what the user with this id asked for",
    "request_id": "Only what this request led to",
    "host": "Only what happened on the host with this name (administrators)",
    "since": "Only since this time (ISO 8601)",
    "until": "Only before this time (ISO 8601)",
}


class ListEvent(base.Lister):
    """List what happened, the newest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--set", metavar="<set>", help="Only of this set, by name or id"
        )
        for key, text in FILTERS.items():
            parser.add_argument(
                f"--{key.replace('_', '-')}", metavar=f"<{key}>", help=text
            )
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="Of all projects and of none, as those of hosts "
            "(administrators)",
        )
        parser.add_argument(
            "--oldest-first",
            action="store_true",
            help="List them in the order in which they happened",
        )
        self.add_limits(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        query: dict[str, Any] = {
            key: value
            for key in FILTERS
            if (value := getattr(args, key)) is not None
        }
        if args.all_projects:
            query["all_projects"] = True
        if args.oldest_first:
            query["sort_dir"] = "asc"
        of = None
        if args.set:
            of = self.caas.find_set(args.set, ignore_missing=False)
        events = self.caas.events(of, max_items=args.limit, **query)
        return columns.table(LIST + (LONG if args.long else []), events)


class ShowEvent(base.ShowOne):
    """Show an event."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("event", metavar="<event>", help="Id of an event")
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        return columns.record(SHOW, self.caas.get_event(parsed_args.event))
