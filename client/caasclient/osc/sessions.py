"""openstack caas session ...: who looked inside, and what was seen."""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from caasclient.osc import base, columns

LIST: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("Created At", "created_at", columns.Time),
    ("Verb", "verb", columns.Plain),
    ("Set", "set_name", columns.Plain),
    ("Container", "container", columns.Plain),
    ("Status", "status", columns.Plain),
    ("Result", "result", columns.Plain),
    ("Exit Code", "exit_code", columns.Plain),
    ("Recorded", "recorded", columns.Plain),
]
LONG: list[columns.Column] = [
    ("User ID", "user_id", columns.Plain),
    ("Client", "client", columns.Plain),
    ("Reason", "reason", columns.Plain),
    ("Message", "message", columns.Plain),
    ("Ended At", "ended_at", columns.Time),
]
SHOW = columns.fields(
    "id",
    "status",
    "verb",
    "set_id",
    "set_name",
    "container_id",
    "container",
    "arguments",
    "reason",
    "recorded",
    "user_id",
    "project_id",
    "request_id",
    "client",
    "created_at",
    "started_at",
    "ended_at",
    "result",
    "message",
    "exit_code",
    arguments=columns.Mapping,
    created_at=columns.Time,
    started_at=columns.Time,
    ended_at=columns.Time,
)


class ListSession(base.Lister):
    """List sessions in containers, the newest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--set", metavar="<set>", help="Only in this set, by name or id"
        )
        parser.add_argument(
            "--user-id", metavar="<user-id>", help="Only of this user"
        )
        parser.add_argument(
            "--verb",
            metavar="<verb>",
            help="Only of this kind: exec, attach, logs, download, upload, "
            "tail, sftp or forward",
        )
        parser.add_argument(
            "--recorded", action="store_true", help="Only recorded ones"
        )
        parser.add_argument(
            "--since", metavar="<time>", help="Only since then (ISO 8601)"
        )
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="In all projects (administrators)",
        )
        self.add_limits(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        query: dict[str, Any] = {
            key: value
            for key in ("user_id", "verb", "since")
            if (value := getattr(args, key)) is not None
        }
        if args.all_projects:
            query["all_projects"] = True
        if args.recorded:
            query["recorded"] = True
        if args.set:
            query["set_id"] = base.found(
                self.caas.find_set(args.set, ignore_missing=False)
            ).id
        found = self.caas.sessions(max_items=args.limit, **query)
        return columns.table(LIST + (LONG if args.long else []), found)


class _OnSession(base.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("session", metavar="<session>", help="Its id")
        return parser


class ShowSession(_OnSession, base.ShowOne):
    """Show a session."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        found = self.caas.get_session(parsed_args.session)
        return columns.record(SHOW, found)


class ReplaySession(_OnSession):
    """Show again what was seen in a session that was recorded."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--speed",
            metavar="<factor>",
            type=float,
            default=1.0,
            help="So many times as fast (default 1)",
        )
        parser.add_argument(
            "--idle-limit",
            metavar="<seconds>",
            type=float,
            default=2.0,
            help="Longest pause (default 2)",
        )
        parser.add_argument(
            "--asciicast",
            action="store_true",
            help="Print the recording as it is, asciicast v2, for players "
            "such as asciinema",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        args = parsed_args
        pieces = self.caas.recording(args.session)
        if args.asciicast:
            for piece in pieces:
                sys.stdout.write(piece)
            return
        at = 0.0
        for moment, text in _seen(pieces):
            wait = min(moment - at, args.idle_limit) / args.speed
            at = moment
            time.sleep(max(0.0, wait))
            sys.stdout.write(text)
            sys.stdout.flush()


def _seen(pieces: Iterable[str]) -> Iterator[tuple[float, str]]:
    """Seconds since the beginning, and what was seen then."""
    header = True
    for piece in pieces:
        for line in piece.splitlines():
            if header:
                header = False
                continue
            moment, code, data = json.loads(line)
            if code == "o":
                yield moment, data
