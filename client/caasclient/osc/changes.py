"""openstack caas set update, resize, history and revert, and the commands
that change single containers of a set."""

import argparse
from collections.abc import Sequence
from typing import Any

from osc_lib import exceptions
from osc_lib.cli import parseractions

from caasclient.osc import base, columns, containers, options, progress, spec
from caasclient.osc.sets import OnSets, shown

HISTORY: list[columns.Column] = [
    ("Revision", "revision", columns.Plain),
    ("At", "at", columns.Time),
    ("Action", "action", columns.Plain),
    ("Flavor", "flavor", columns.Name),
    ("Containers", "containers", columns.Members),
    ("Failure", "failure", columns.Plain),
]
LONG: list[columns.Column] = [
    ("User ID", "user_id", columns.Plain),
    ("Request ID", "request_id", columns.Plain),
]


class ResizeSet(OnSets, base.ShowOne):
    """Give a set another flavor, while it runs."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--flavor",
            metavar="<flavor>",
            required=True,
            help="Its new size: name or id",
        )
        progress.add_arguments(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        each = self.find(parsed_args.set, parsed_args)
        each = self.caas.resize_set(each, parsed_args.flavor)
        return shown(progress.wait_for_change(self, each, parsed_args))


class UpdateSet(OnSets, base.ShowOne):
    """Change a set: its containers while it runs, its name, description or
    metadata.

    Containers that nothing is said of run on. Of those that are changed, what
    cannot be changed in place is replaced; if what is started is not well, all
    is as before again, and --wait ends with the reason.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--name", metavar="<new-name>")
        parser.add_argument("--description", metavar="<text>")
        parser.add_argument(
            "--property",
            metavar="<key>=<value>",
            action=parseractions.KeyValueAction,
            help="Metadata to add or change (repeat for several)",
        )
        parser.add_argument(
            "--unset-property",
            metavar="<key>",
            action="append",
            default=[],
            help="Metadata to remove (repeat for several)",
        )
        parser.add_argument(
            "--no-property",
            action="store_true",
            help="Remove all metadata, before any --property is added",
        )
        spec.add_change_arguments(parser)
        progress.add_arguments(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        args = parsed_args
        each = self.find(args.set, args)
        about = self.about(each.name, each.metadata, args)
        change = spec.change(args, each)
        if not about and not change:
            raise exceptions.CommandError(
                "Say what to change: containers (--image, --env, "
                "--add-container ...), --name, --description, --property, "
                "--unset-property or --no-property."
            )
        # the one that may be refused comes first
        if change:
            asked = self.caas.update_containers(each, **change)
        if about:
            each = self.caas.update_set(each.id, **about)
        if change and (args.wait or not about):
            each = progress.wait_for_change(self, asked, args)
        return shown(each)

    def about(
        self,
        name: str,
        metadata: dict[str, str] | None,
        args: argparse.Namespace,
    ) -> dict[str, Any]:
        """What is said of it besides its containers."""
        found: dict[str, Any] = {
            key: value
            for key in ("name", "description")
            if (value := getattr(args, key)) is not None
        }
        if args.property or args.unset_property or args.no_property:
            left = {} if args.no_property else dict(metadata or {})
            for key in args.unset_property:
                if left.pop(key, None) is None:
                    raise exceptions.CommandError(
                        f"Set {name} has no property {key!r}."
                    )
            found["metadata"] = {**left, **(args.property or {})}
        return found


class SetHistory(OnSets, base.Lister):
    """List what a set was made of, the latest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--long", action="store_true", help="Show more of each"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        each = self.find(parsed_args.set, parsed_args)
        layout = HISTORY + (LONG if parsed_args.long else [])
        return columns.table(layout, self.caas.set_history(each))


class RevertSet(OnSets, base.ShowOne):
    """Make a set of what it was made of at an earlier revision.

    Flavor and containers; those that are the same then and now run on.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "revision",
            metavar="<revision>",
            type=int,
            help="As set history shows it",
        )
        spec.add_monitor(parser)
        progress.add_arguments(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        each = self.caas.revert_set(
            self.find(parsed_args.set, parsed_args),
            parsed_args.revision,
            parsed_args.monitor,
        )
        return shown(progress.wait_for_change(self, each, parsed_args))


class AddContainer(OnSets, base.ShowOne):
    """Add a container to a set, while it runs."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "container",
            metavar=spec.CONTAINER,
            type=options.container,
            help="Its name and image, start order and share of the set's CPU "
            "and memory",
        )
        options.add_arguments(
            parser.add_argument_group("what it is like"), options.OPTIONS
        )
        progress.add_arguments(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        asked = parsed_args.container
        options.read(parsed_args, options.OPTIONS, {}, options.Target(asked))
        each = self.caas.add_container(
            self.find(parsed_args.set, parsed_args), **asked
        )
        each = progress.wait_for_change(self, each, parsed_args)
        return containers.shown(containers.pick(each, asked["name"]))


class UpdateContainer(containers.OnContainer, base.ShowOne):
    """Change a container of a set, while the set runs.

    Its share of CPU and memory, restart policy and health check change in
    place; for anything else it is replaced.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        spec.add_monitor(parser)
        options.add_arguments(
            parser.add_argument_group(
                "what is to be otherwise",
                "--port, --mount and --ulimit replace all there were; --env, "
                "--label and --block-io leave the others.",
            ),
            options.CHANGES,
        )
        progress.add_arguments(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        args = parsed_args
        of = self.find(args.set, args)
        there = containers.pick(of, args.container)
        asked: dict[str, Any] = {}
        options.read(
            args, options.CHANGES, {}, options.Target(asked, there.to_dict())
        )
        if not asked:
            raise exceptions.CommandError(
                "Say what to change, such as --image, --env or --memory."
            )
        each = self.caas.update_container(of, there, args.monitor, **asked)
        each = progress.wait_for_change(self, each, args)
        return containers.shown(containers.pick(each, there.id))


class RenameContainer(containers.OnContainer, base.ShowOne):
    """Call a container otherwise; it runs on."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="<new-name>")
        progress.add_arguments(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        args = parsed_args
        of = self.find(args.set, args)
        there = containers.pick(of, args.container)
        each = self.caas.rename_container(of, there, args.name)
        each = progress.wait_for_change(self, each, args)
        return containers.shown(containers.pick(each, there.id))


class RemoveContainer(OnSets):
    """Remove containers from a set, while it runs; all of them or none."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "containers",
            metavar="<container>",
            nargs="+",
            help="Name or id (several)",
        )
        progress.add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        of = self.find(parsed_args.set, parsed_args)
        names = parsed_args.containers
        if len(names) == 1:
            each = self.caas.remove_container(of, names[0])
        else:
            each = self.caas.update_containers(of, remove=names)
        progress.wait_for_change(self, each, parsed_args)
