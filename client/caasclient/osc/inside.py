"""openstack caas container exec, attach, logs ...: looking inside."""

import argparse
import contextlib
import json
import signal
import socket
import socketserver
import sys
import threading
from collections.abc import Sequence
from typing import Any

from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions
from osc_lib.cli import parseractions

from caasclient.osc import base, terminal
from caasclient.osc.sets import OnSets
from caasclient.sdk import sets
from caasclient.sdk.streams import Data, Stream


class _OnContainer(OnSets):
    """A command about one container of a set."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "container", metavar="<container>", help="Name or id"
        )
        return parser


def add_reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reason",
        metavar="<text>",
        help="Why it is done; kept with the session",
    )


def _add_record(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--record",
        action="store_true",
        help="Record what is seen (openstack caas session replay)",
    )


class ExecContainer(_OnContainer):
    """Run a command in a container, and end with its exit code.

    With --tty and --interactive (-it) it is a shell:
    openstack caas container exec -it web app -- sh
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "command",
            metavar="<command>",
            nargs="+",
            help="After --, if it has options",
        )
        parser.add_argument(
            "--interactive",
            "-i",
            action="store_true",
            help="Send it what comes on the standard input",
        )
        parser.add_argument(
            "--tty",
            "-t",
            action="store_true",
            help="Give it a terminal",
        )
        parser.add_argument(
            "--user",
            metavar="<user>[:<group>]",
            help="Run it as this user of the container",
        )
        parser.add_argument(
            "--working-dir", metavar="<path>", help="Run it in this folder"
        )
        parser.add_argument(
            "--env",
            metavar="<name>=<value>",
            action=parseractions.KeyValueAction,
            help="Add to its environment (repeat for several)",
        )
        _add_record(parser)
        add_reason(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        args = parsed_args
        if args.tty and args.interactive and not terminal.is_terminal():
            raise exceptions.CommandError(
                "The standard input is no terminal; leave out --tty."
            )
        width, height = terminal.size() if args.tty else (None, None)
        env = dict(args.env or {})
        if args.tty:
            env.setdefault("TERM", "xterm-256color")
        with self.caas.exec_container(
            self.find(args.set, args),
            args.container,
            args.command,
            tty=args.tty,
            stdin=args.interactive,
            user=args.user,
            working_dir=args.working_dir,
            env=env or None,
            width=width,
            height=height,
            record=args.record,
            reason=args.reason,
        ) as stream:
            return terminal.join(stream, raw=args.tty, typed=args.interactive)


class AttachContainer(_OnContainer):
    """See what the first process of a container writes from now on.

    ctrl-p ctrl-q leaves a terminal; the container goes on in any case.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--interactive",
            "-i",
            action="store_true",
            help="Send it what comes on the standard input; for containers "
            "made with it",
        )
        _add_record(parser)
        add_reason(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        args = parsed_args
        of = self.find(args.set, args)
        raw = args.interactive and bool(_shown(of, args.container).get("tty"))
        width, height = terminal.size() if raw else (None, None)
        with self.caas.attach_container(
            of,
            args.container,
            stdin=args.interactive,
            width=width,
            height=height,
            record=args.record,
            reason=args.reason,
        ) as stream:
            if not raw:
                if args.interactive:
                    terminal.feed(stream)
                return _until_interrupted(stream)
            return terminal.join(stream, raw=True, typed=True, detach=True)


def _shown(of: sets.Set, name_or_id: str) -> dict[str, Any]:
    for each in of.containers or ():
        if name_or_id in (each["id"], each["name"]):
            return dict(each)
    return {}


def _until_interrupted(stream: Stream, *, prefix: bool = False) -> int:
    """As long as the user likes; then it is no failure."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return terminal.show(stream, prefix=prefix)
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


class _Logs(OnSets):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--follow", "-f", action="store_true", help="Wait for more"
        )
        parser.add_argument(
            "--since", metavar="<time>", help="From then on (ISO 8601, UTC)"
        )
        parser.add_argument(
            "--until", metavar="<time>", help="What is older (ISO 8601, UTC)"
        )
        parser.add_argument(
            "--tail",
            metavar="<count>",
            type=int,
            help="Only so many last lines of each container",
        )
        parser.add_argument(
            "--timestamps",
            "-t",
            action="store_true",
            help="Begin each line with its time",
        )
        add_reason(parser)
        return parser

    def open(self, args: argparse.Namespace, container: str | None) -> Stream:
        return self.caas.logs(
            self.find(args.set, args),
            container,
            follow=args.follow,
            since=args.since,
            until=args.until,
            tail=args.tail,
            timestamps=args.timestamps,
            reason=args.reason,
        )


class LogsContainer(_Logs):
    """Show what a container has written."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "container", metavar="<container>", help="Name or id"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with self.open(parsed_args, parsed_args.container) as stream:
            return _until_interrupted(stream)


class LogsSet(_Logs):
    """Show what all containers of a set have written, in order of time."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with self.open(parsed_args, None) as stream:
            return _until_interrupted(stream, prefix=True)


class TailContainer(_OnContainer):
    """Show the end of a file in a container."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("path", metavar="<path>")
        parser.add_argument(
            "--lines",
            "-n",
            metavar="<count>",
            type=int,
            default=10,
            help="So many last lines (default 10)",
        )
        parser.add_argument(
            "--follow", "-f", action="store_true", help="Wait for more"
        )
        add_reason(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        args = parsed_args
        with self.caas.tail_file(
            self.find(args.set, args),
            args.container,
            args.path,
            lines=args.lines,
            follow=args.follow,
            reason=args.reason,
        ) as stream:
            return _until_interrupted(stream)


class FilesContainer(_OnContainer, base.Lister):
    """List the files in a folder of a container."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("path", metavar="<path>", nargs="?", default="/")
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        found = self.caas.files(
            self.find(args.set, args), args.container, args.path
        )
        if found.get("truncated"):
            self.app.stderr.write("There are more; these are the first.\n")
        keys = ("name", "type", "size", "mode", "uid", "gid", "modified")
        return (
            [key.capitalize() for key in keys] + ["Target"],
            (
                [terminal.visible(each.get(key)) for key in (*keys, "target")]
                for each in found["entries"]
            ),
        )


class TopContainer(_OnContainer, base.Lister):
    """List the processes of a container."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        found = self.caas.top(self.find(args.set, args), args.container)
        keys = ("pid", "parent", "user", "state", "cpu_seconds")
        return (
            [
                *("PID", "Parent", "User", "State", "CPU Seconds"),
                *("Memory MiB", "Elapsed Seconds", "Command"),
            ],
            (
                [
                    *(each[key] for key in keys),
                    round(each["memory_bytes"] / (1 << 20), 1),
                    round(each["elapsed_seconds"]),
                    terminal.visible(each["command"]),
                ]
                for each in found["processes"]
            ),
        )


class StatsContainer(_OnContainer, base.ShowOne):
    """Show what a container uses now."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        args = parsed_args
        found = self.caas.stats(self.find(args.set, args), args.container)
        [one] = found["containers"]
        keys = ("name", "state", *(one["usage"] or {}))
        flat = {**one, **(one["usage"] or {})}
        return keys, [flat[key] for key in keys]


class StatsSet(OnSets, base.Lister):
    """List what a set and its containers use now.

    CPU is the time used since the start, of the set as a whole since it was
    first started here.
    """

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        found = self.caas.stats(self.find(args.set, args))
        rows = [
            _used(each["name"], each["usage"], None)
            for each in found["containers"]
        ]
        whole = found["set"]
        rows.append(_used("(set)", whole["usage"], whole["network"]))
        return [
            *("Name", "CPU Seconds", "Throttled Seconds", "Memory MiB"),
            *("Limit MiB", "PIDs", "Read MiB", "Written MiB"),
            *("Received MiB", "Sent MiB"),
        ], rows


def _used(
    name: str, usage: dict[str, Any] | None, network: dict[str, Any] | None
) -> list[Any]:
    usage, network = usage or {}, network or {}

    def of(found: dict[str, Any], key: str, unit: int) -> float | str:
        value = found.get(key)
        return "" if value is None else round(value / unit, 2)

    mib = 1 << 20
    return [
        name,
        of(usage, "cpu_ns", 10**9),
        of(usage, "throttled_ns", 10**9),
        of(usage, "working_set_bytes", mib),
        of(usage, "limit_bytes", mib),
        usage.get("pids", ""),
        of(usage, "read_bytes", mib),
        of(usage, "written_bytes", mib),
        of(network, "rx_bytes", mib),
        of(network, "tx_bytes", mib),
    ]


class DiffContainer(_OnContainer, base.Lister):
    """List the files of its image that a container has changed."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        found = self.caas.diff(self.find(args.set, args), args.container)
        return (
            ["Kind", "Path"],
            (
                [each["kind"], terminal.visible(each["path"])]
                for each in found["changes"]
            ),
        )


class InspectContainer(_OnContainer):
    """Print how the engine runs a container, as JSON."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        args = parsed_args
        found = self.caas.inspect(self.find(args.set, args), args.container)
        print(json.dumps(found, indent=2))  # noqa: T201


class _Forwarder(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class ForwardContainer(_OnContainer):
    """Make a TCP port of a set reachable here, until it is interrupted."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "ports",
            metavar="[<local-port>:]<port>",
            help="0 as the local port for one that is free",
        )
        add_reason(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        args = parsed_args
        local, _, port = args.ports.rpartition(":")
        try:
            local, port = int(local or port), int(port)
        except ValueError:
            raise exceptions.CommandError(
                f"{args.ports!r} are no ports; give 80 or 8080:80."
            ) from None
        of = self.find(args.set, args)
        caas = self.caas

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    with caas.forward(
                        of, args.container, port, reason=args.reason
                    ) as stream:
                        _pump(self.request, stream)
                except sdk_exceptions.SDKException as error:
                    print(base.sentence(error), file=sys.stderr)  # noqa: T201

        try:
            server = _Forwarder(("127.0.0.1", local), Handler)
        except (OSError, OverflowError) as error:
            raise exceptions.CommandError(
                f"Port {local} of this machine cannot be listened at: {error}."
            ) from error
        with server:
            at = server.server_address[1]
            print(  # noqa: T201
                f"127.0.0.1:{at} leads to port {port}; ctrl-c ends it.",
                flush=True,
            )
            with contextlib.suppress(KeyboardInterrupt):
                server.serve_forever()
        return 0


def _pump(connection: socket.socket, stream: Stream) -> None:
    """Both ways, until both have ended."""

    def send() -> None:
        with contextlib.suppress(OSError):
            while data := connection.recv(1 << 16):
                stream.send(data)
        stream.end_input()

    threading.Thread(target=send, daemon=True).start()
    with contextlib.suppress(OSError):
        for each in stream:
            if isinstance(each, Data):
                connection.sendall(each.data)
        connection.shutdown(socket.SHUT_WR)
