"""openstack caas job ..., and what begins one."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from caasclient.osc import base, columns, progress
from caasclient.osc.containers import OnContainer
from caasclient.sdk import jobs

LIST: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("Created At", "created_at", columns.Time),
    ("Kind", "kind", columns.Plain),
    ("Image", lambda each: _image(each), columns.Plain),
    ("Status", "status", columns.Plain),
    ("Progress", "progress", columns.Plain),
    ("Reason", "reason", columns.Plain),
]
LONG: list[columns.Column] = [
    ("Set ID", "set_id", columns.Plain),
    ("Image ID", "image_id", columns.Plain),
    ("User ID", "user_id", columns.Plain),
    ("Ended At", "ended_at", columns.Time),
]
SHOW = columns.fields(
    "id",
    "kind",
    "status",
    "progress",
    "reason",
    "arguments",
    "set_id",
    "container_id",
    "image_id",
    "user_id",
    "project_id",
    "request_id",
    "created_at",
    "updated_at",
    "ended_at",
    "expires_at",
    arguments=columns.Mapping,
    created_at=columns.Time,
    updated_at=columns.Time,
    ended_at=columns.Time,
    expires_at=columns.Time,
)


def _image(each: jobs.Job) -> str:
    """What a job makes."""
    told = each.arguments or {}
    if "repository" in told:
        return f"{told['repository']}:{told['tag']}"
    return str(told.get("name") or "")


class CommitContainer(OnContainer, base.ShowOne):
    """Make an image of a container as it is now.

    It may run, be paused or have ended; its set goes on as it was. What is
    on the volume is not part of the image.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "image",
            metavar="<image>",
            help="Where to: namespace/repository:tag",
        )
        parser.add_argument(
            "--message",
            metavar="<text>",
            help="Shown in the history of the image",
        )
        parser.add_argument(
            "--author", metavar="<name>", help="Such as 'A. Name <a@b.c>'"
        )
        parser.add_argument(
            "--change",
            metavar="<instruction>",
            action="append",
            help="Line of a Dockerfile to apply, such as 'CMD [\"httpd\"]' "
            "(repeat for several)",
        )
        pause = parser.add_mutually_exclusive_group()
        pause.add_argument(
            "--pause",
            action="store_true",
            help="Freeze this container while its files are read, so that "
            "they are of one moment",
        )
        pause.add_argument(
            "--no-pause",
            action="store_false",
            dest="pause",
            help="Let it run on meanwhile (default)",
        )
        progress.add_arguments(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        args = parsed_args
        job = self.caas.commit_container(
            self.find(args.set, args),
            args.container,
            args.image,
            message=args.message,
            author=args.author,
            pause=args.pause,
            changes=args.change,
        )
        if args.wait:
            with _telling(self):
                job = self.caas.wait_for_job(
                    job, args.timeout, lambda each: _tell(self, each)
                )
        return columns.record(SHOW, job)


@contextlib.contextmanager
def _telling(command: base.Command) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        command.app.stderr.write("\nNo longer waiting; the job goes on.\n")
        raise


def _tell(command: base.Command, each: jobs.Job) -> None:
    said = each.reason or each.progress
    said = f": {said}" if said else ""
    command.app.stderr.write(f"{_image(each)} {each.status}{said}\n")
    command.app.stderr.flush()


class ListJob(base.Lister):
    """List jobs, the newest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--set", metavar="<set>", help="Only of this set, by name or id"
        )
        parser.add_argument(
            "--kind", metavar="<kind>", help="Only commit, or import"
        )
        parser.add_argument(
            "--status",
            metavar="<status>",
            type=str.upper,
            help="Only in this status, such as RUNNING or FAILED",
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
            for key in ("kind", "status", "since")
            if (value := getattr(args, key)) is not None
        }
        if args.all_projects:
            query["all_projects"] = True
        if args.set:
            query["set_id"] = base.found(
                self.caas.find_set(args.set, ignore_missing=False)
            ).id
        found = self.caas.jobs(max_items=args.limit, **query)
        return columns.table(LIST + (LONG if args.long else []), found)


class _OnJob(base.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("job", metavar="<job>", help="Its id")
        return parser


class ShowJob(_OnJob, base.ShowOne):
    """Show a job."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        return columns.record(SHOW, self.caas.get_job(parsed_args.job))


class CancelJob(_OnJob):
    """Cancel a job that has not ended."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.caas.cancel_job(parsed_args.job)
