"""openstack caas container ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from osc_lib import exceptions

from caasclient.osc import base, columns, progress
from caasclient.osc.sets import OnSets
from caasclient.sdk import containers, sets

LIST: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("Name", "name", columns.Plain),
    ("Role", "role", columns.Plain),
    ("Index", "index", columns.Plain),
    ("Status", "status", columns.Plain),
    ("Health", "health", columns.Plain),
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
    "health",
    "paused",
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
    "health_check",
    "hooks",
    "run_to_completion",
    "ulimits",
    "pids_limit",
    "block_io",
    "cpuset",
    "tty",
    "stdin",
    image=columns.Image,
    command=columns.Words,
    entrypoint=columns.Words,
    env=columns.Mapping,
    labels=columns.Mapping,
    restart_policy=columns.RestartPolicy,
    ports=columns.Ports,
    mounts=columns.Mounts,
    health_check=columns.HealthCheck,
    hooks=columns.Hooks,
    ulimits=columns.Ulimits,
    block_io=columns.Rates,
    created_at=columns.Time,
    started_at=columns.Time,
    finished_at=columns.Time,
)
ADMIN = columns.fields("runtime_id")


def shown(
    each: containers.Container,
) -> tuple[list[str], list[columns.Plain]]:
    layout = SHOW if each.runtime_id is None else SHOW + ADMIN
    return columns.record(layout, each)


def pick(of: sets.Set, name_or_id: str) -> containers.Container:
    """A container of a set, as the set shows it."""
    for each in of.containers or ():
        if name_or_id in (each["id"], each["name"]):
            return containers.Container.existing(**each)
    raise exceptions.CommandError(
        f"Set {of.name} has no container with the name or id {name_or_id!r}."
    )


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


class OnContainer(OnSets):
    """A command that takes a container of a set."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "container", metavar="<container>", help="Name or id"
        )
        return parser


class ShowContainer(OnContainer, base.ShowOne):
    """Show a container."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        of = self.find(parsed_args.set, parsed_args)
        return shown(self.caas.get_container(of, parsed_args.container))


class _Verb(OnContainer):
    """Ask something of a container and, if wanted, wait for it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        progress.add_arguments(parser)
        return parser

    def act(self, of: sets.Set, args: argparse.Namespace) -> sets.Set:
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        of = self.find(parsed_args.set, parsed_args)
        asked = self.act(of, parsed_args)
        if parsed_args.wait:
            _, errors = progress.wait(self, [asked], "ACTIVE", parsed_args)
            base.complain(errors, 1, "")


class RestartContainer(_Verb):
    """Stop a container and start it again; the others of its set run on."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--grace-period",
            metavar="<seconds>",
            type=int,
            help="Time from the stop signal to the kill",
        )
        return parser

    def act(self, of: sets.Set, args: argparse.Namespace) -> sets.Set:
        return self.caas.restart_container(
            of, args.container, args.grace_period
        )


class PauseContainer(_Verb):
    """Freeze the processes of a container, until it is unpaused or
    restarted."""

    def act(self, of: sets.Set, args: argparse.Namespace) -> sets.Set:
        return self.caas.pause_container(of, args.container)


class UnpauseContainer(_Verb):
    """Let the processes of a paused container go on."""

    def act(self, of: sets.Set, args: argparse.Namespace) -> sets.Set:
        return self.caas.unpause_container(of, args.container)


class SignalContainer(_Verb):
    """Send a signal to the first process of a container."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "signal", metavar="<signal>", help="Such as SIGHUP, HUP or hup"
        )
        return parser

    def act(self, of: sets.Set, args: argparse.Namespace) -> sets.Set:
        return self.caas.signal_container(of, args.container, args.signal)
