"""openstack caas set ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from openstack import exceptions
from osc_lib.cli import parseractions

from caasclient.osc import base, columns, progress, spec
from caasclient.sdk import sets

LIST: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("Name", "name", columns.Plain),
    ("Status", "status", columns.Plain),
    ("Addresses", "addresses", columns.Addresses),
    ("Flavor", "flavor", columns.Name),
    ("Containers", "containers", columns.ContainerNames),
]
LONG: list[columns.Column] = [
    ("Reason", "reason", columns.Plain),
    ("Availability Zone", "availability_zone", columns.Plain),
    ("Host", "host", columns.Plain),
    ("Properties", "metadata", columns.Mapping),
    ("Created At", "created_at", columns.Time),
    ("Description", "description", columns.Plain),
]
PROJECT: list[columns.Column] = [("Project ID", "project_id", columns.Plain)]

SHOW = columns.fields(
    "id",
    "name",
    "status",
    "reason",
    "change",
    "failure",
    "addresses",
    "flavor",
    "containers",
    "description",
    "hostname",
    "key_name",
    "network",
    "sysctls",
    "metadata",
    "availability_zone",
    "desired",
    "project_id",
    "user_id",
    "server_group_id",
    "reservation_id",
    "created_at",
    "launched_at",
    "updated_at",
    "reclaim_at",
    addresses=columns.Addresses,
    flavor=columns.Size,
    containers=columns.Containers,
    failure=columns.Failure,
    sysctls=columns.Mapping,
    metadata=columns.Mapping,
    created_at=columns.Time,
    launched_at=columns.Time,
    updated_at=columns.Time,
    reclaim_at=columns.Time,
)
#: What only administrators are told.
ADMIN = columns.fields("host", "host_status", "incarnation", "revision")


#: Filter of those in the recycle bin.
_BINNED = {"status": "SOFT_DELETED"}


def shown(each: sets.Set) -> tuple[list[str], list[columns.Plain]]:
    layout = SHOW if each.revision is None else SHOW + ADMIN
    return columns.record(layout, each)


class OnSets(base.Command):
    """A command that takes sets by name or id."""

    #: Set, or "+" for several.
    nargs: str | None = None

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "sets" if self.nargs else "set",
            metavar="<set>",
            nargs=self.nargs,
            help="Name or id" + (" (several)" if self.nargs else ""),
        )
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="Look for names in all projects (administrators)",
        )
        return parser

    def find(
        self, name_or_id: str, args: argparse.Namespace, **query: Any
    ) -> sets.Set:
        """:param query: filters of the list in which names are looked for."""
        if args.all_projects:
            query["all_projects"] = True
        return base.found(
            self.caas.find_set(name_or_id, ignore_missing=False, **query)
        )


class _Verb(OnSets):
    """Ask something of several sets and, if wanted, wait for it."""

    nargs = "+"
    #: As in "2 of 3 sets could not be started".
    done = ""
    #: The status to wait for.
    target = ""
    grace_period = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        if self.grace_period:
            parser.add_argument(
                "--grace-period",
                metavar="<seconds>",
                type=int,
                help="Time from the stop signal to the kill",
            )
        progress.add_arguments(parser)
        return parser

    def act(self, each: sets.Set, args: argparse.Namespace) -> sets.Set:
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        names = parsed_args.sets
        asked, errors = base.attempt(
            names,
            lambda name: self.act(self.find(name, parsed_args), parsed_args),
        )
        if parsed_args.wait and asked:
            _, late = progress.wait(self, asked, self.target, parsed_args)
            errors += late
        base.complain(errors, len(names), f"sets could not be {self.done}")


class StartSet(_Verb):
    """Start sets."""

    done = "started"
    target = "ACTIVE"

    def act(self, each: sets.Set, args: argparse.Namespace) -> sets.Set:
        return self.caas.start_set(each)


class StopSet(_Verb):
    """Stop sets; they keep their host, address and volume."""

    done = "stopped"
    target = "SHUTOFF"
    grace_period = True

    def act(self, each: sets.Set, args: argparse.Namespace) -> sets.Set:
        return self.caas.stop_set(each, args.grace_period)


class RestartSet(_Verb):
    """Stop the containers of sets and start them again."""

    done = "restarted"
    target = "ACTIVE"
    grace_period = True

    def act(self, each: sets.Set, args: argparse.Namespace) -> sets.Set:
        return self.caas.restart_set(each, args.grace_period)


class DeleteSet(_Verb):
    """Delete sets with their containers, addresses and volumes.

    Where the cloud has a recycle bin they can be restored for a while.
    """

    done = "deleted"
    target = "DELETED"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--force",
            action="store_true",
            help="Forget them at once, even if their host does not answer "
            "(managers of the project)",
        )
        parser.add_argument(
            "--permanent",
            action="store_true",
            help="Not to the recycle bin, or out of it",
        )
        return parser

    def find(
        self, name_or_id: str, args: argparse.Namespace, **query: Any
    ) -> sets.Set:
        try:
            return super().find(name_or_id, args, **query)
        except exceptions.NotFoundException:
            if not args.permanent:
                raise
            return super().find(name_or_id, args, **_BINNED)

    def act(self, each: sets.Set, args: argparse.Namespace) -> sets.Set:
        return base.found(
            self.caas.delete_set(
                each,
                ignore_missing=False,
                force=args.force,
                permanent=args.permanent,
            )
        )


class RestoreSet(_Verb):
    """Have deleted sets back from the recycle bin, and running.

    "set list --status soft_deleted" shows what is in it.
    """

    done = "restored"
    target = "ACTIVE"

    def find(
        self, name_or_id: str, args: argparse.Namespace, **_: Any
    ) -> sets.Set:
        return super().find(name_or_id, args, **_BINNED)

    def act(self, each: sets.Set, args: argparse.Namespace) -> sets.Set:
        return self.caas.restore_set(each)


class CreateSet(base.ShowOne):
    """Create a set, or several alike."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "name",
            metavar="<name>",
            nargs="?",
            help="Name of the set (may stand in the file instead)",
        )
        parser.add_argument(
            "--flavor", metavar="<flavor>", help="Its size: name or id"
        )
        spec.add_arguments(parser)
        parser.add_argument("--description", metavar="<text>")
        parser.add_argument(
            "--property",
            metavar="<key>=<value>",
            action=parseractions.KeyValueAction,
            help="Metadata (repeat for several)",
        )
        parser.add_argument(
            "--sysctl",
            metavar="<key>=<value>",
            action=parseractions.KeyValueAction,
            help="Kernel parameter of its network or IPC, such as "
            "net.core.somaxconn=1024 (repeat for several)",
        )
        parser.add_argument("--availability-zone", metavar="<zone>")
        parser.add_argument(
            "--server-group",
            metavar="<server-group>",
            help="Group of sets that are to be on one host, or apart: name "
            "or id",
        )
        parser.add_argument(
            "--hostname",
            metavar="<hostname>",
            help="Host name inside the containers (default: the set's name)",
        )
        parser.add_argument(
            "--min",
            metavar="<count>",
            type=int,
            help="Create at least so many, or none (default 1)",
        )
        parser.add_argument(
            "--max",
            metavar="<count>",
            type=int,
            help="Create so many, or as many as fit (default: --min)",
        )
        progress.add_arguments(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        body = spec.body(parsed_args)
        if parsed_args.server_group is not None:
            group = base.found(
                self.caas.find_server_group(
                    parsed_args.server_group, ignore_missing=False
                )
            )
            body["server_group"] = group.id
        made = self.caas.create_sets(**body)
        errors: list[str] = []
        if parsed_args.wait:
            made, errors = progress.wait(self, made, "ACTIVE", parsed_args)
        if len(made) - len(errors) < body.get("min_count", 1):
            base.complain(errors, len(made), "sets did not become ACTIVE")
        for error in errors:
            # fewer than max_count, as was allowed
            self.log.warning(error)
        if body.get("max_count", body.get("min_count", 1)) == 1:
            return shown(made[0])
        return (
            ("reservation_id", "sets"),
            (
                made[0].reservation_id,
                _Made([_plain(each) for each in made]),
            ),
        )


class _Made(columns.Plain):
    def text(self, value: list[dict[str, Any]]) -> str:
        return "\n".join(
            f"{each['id']} {each['name']} {each['status']}" for each in value
        )


def _plain(each: sets.Set) -> dict[str, Any]:
    names, values = shown(each)
    return {
        name: value.machine_readable()
        for name, value in zip(names, values, strict=True)
    }


class ListSet(base.Lister):
    """List sets."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--long", action="store_true", help="Show more of each"
        )
        parser.add_argument(
            "--name", metavar="<name>", help="Only with this name"
        )
        parser.add_argument(
            "--status",
            metavar="<status>",
            type=str.upper,
            help="Only in this status, such as ACTIVE or ERROR",
        )
        parser.add_argument(
            "--flavor", metavar="<flavor>", help="Only of this flavor"
        )
        parser.add_argument(
            "--image", metavar="<image>", help="Only with this image"
        )
        parser.add_argument(
            "--availability-zone", metavar="<zone>", help="Only in this zone"
        )
        parser.add_argument(
            "--property",
            metavar="<key>=<value>",
            action=parseractions.KeyValueAction,
            help="Only with this metadata (repeat for several)",
        )
        parser.add_argument(
            "--reservation-id",
            metavar="<id>",
            help="Only those created by one request",
        )
        parser.add_argument(
            "--changes-since",
            metavar="<time>",
            help="Only those changed since (ISO 8601)",
        )
        parser.add_argument(
            "--host",
            metavar="<host>",
            help="Only on this host (administrators)",
        )
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="Of all projects (administrators)",
        )
        parser.add_argument(
            "--project",
            metavar="<project>",
            help="Of another project (administrators)",
        )
        parser.add_argument(
            "--limit",
            metavar="<count>",
            type=int,
            help="Show at most so many (default: all)",
        )
        parser.add_argument(
            "--marker",
            metavar="<set>",
            help="Show those after this one, by name or id",
        )
        parser.add_argument(
            "--sort",
            metavar="<key>[:asc|desc]",
            help="Such as name or created_at:desc",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        layout = LIST + (LONG if args.long else [])
        query: dict[str, Any] = {
            key: value
            for key in (
                "name",
                "status",
                "flavor",
                "availability_zone",
                "reservation_id",
                "changes_since",
                "host",
            )
            if (value := getattr(args, key)) is not None
        }
        if args.all_projects or args.project:
            query["all_projects"] = True
            layout = layout + PROJECT
        if args.project:
            query["project_id"] = self.project_id(args.project)
        if args.image:
            query["image"] = self.image_id(args.image)
        if args.property:
            query["metadata"] = [f"{k}={v}" for k, v in args.property.items()]
        if args.marker:
            after = base.found(
                self.caas.find_set(args.marker, ignore_missing=False)
            )
            query["marker"] = after.id
        if args.sort:
            query["sort_key"], _, direction = args.sort.partition(":")
            query["sort_dir"] = direction or "asc"
        if args.limit is not None:
            query["max_items"] = args.limit
        return columns.table(layout, self.caas.sets(**query))


class ShowSet(OnSets, base.ShowOne):
    """Show a set."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        return shown(self.find(parsed_args.set, parsed_args))
