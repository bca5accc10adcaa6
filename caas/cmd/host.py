"""caas-host: looks at this host, and into the sets on it."""

import argparse
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from oslo_config import cfg

from caas import conf
from caas.host import commands, names
from caas.host.errors import HostError

CONF = cfg.CONF

#: Where the configuration of an agent is, if nothing else is said.
CONFIG_DIRS = ("/etc/caas-agent", "/etc/caas")

#: Seconds for the engine, or a check, to answer.
TIMEOUT = 10.0
CHECK_TIMEOUT = 20.0


def _ps(args: argparse.Namespace) -> int:
    return commands.ps(CONF, args.timeout, args.subject or "", args.json)


def _ip(args: argparse.Namespace) -> int:
    return commands.ip(CONF, args.timeout, args.subject)


def _pid(args: argparse.Namespace) -> int:
    return commands.pid(CONF, args.timeout, args.subject)


def _enter(args: argparse.Namespace) -> int:
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    return commands.enter(CONF, args.timeout, args.subject, args.user, words)


def _logs(args: argparse.Namespace) -> int:
    return commands.show_logs(
        CONF,
        args.timeout,
        args.subject,
        follow=args.follow,
        tail=args.tail,
        timestamps=args.timestamps,
    )


def _check(args: argparse.Namespace) -> int:
    return commands.check(CONF, args.timeout, args.json)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 s")
    return value


def _lines(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def _add_parsers(subparsers: Any) -> None:
    ps = _command(
        subparsers,
        "ps",
        _ps,
        "list sets and containers of this host",
        "List sets and containers of this host with state, process id, "
        "address, and use of CPU (percent of one) and memory. Works while "
        "the agent is down; if the engine does not answer it says so, and "
        "shows what the engine's files say.",
        optional=True,
    )
    ps.add_argument("--json", action="store_true", help="print JSON")
    _command(
        subparsers,
        "ip",
        _ip,
        "print the address of a set",
        "Print the address of a set, and nothing else. Exit code 1 if "
        "nothing is called so, or several are.",
    )
    _command(
        subparsers,
        "pid",
        _pid,
        "print the process id of a container",
        "Print the id, on this host, of the first process of a container, "
        "and nothing else. Exit code 1 if it does not run, nothing is called "
        "so, or several are.",
    )
    enter = _command(
        subparsers,
        "enter",
        _enter,
        "run a shell or a command in a business container",
        "Run a command in a business container, with its environment, its "
        "user and within its limits; a shell if none is named. With a "
        "terminal if this has one. Who enters, and who is refused, is noted "
        "in the log of the system (authpriv), or in entries.log below "
        "[agent] state_path where there is none.",
        epilog="The exit code is that of the command; 1: no such container, "
        "or it does not run; 125: the engine is at fault; 126: it may not be "
        "entered, as infra containers, or the command cannot be run; 127: "
        "there is no such command, or no shell.",
    )
    enter.add_argument(
        "--user",
        default="",
        metavar="USER",
        help="run it as this user (default: that of the container)",
    )
    enter.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND ...",
        help="what to run, after two dashes (default: a shell)",
    )
    logs = _command(
        subparsers,
        "logs",
        _logs,
        "print the log of a container",
        "Print what a container has written, rotated files and the kept logs "
        "of those it has replaced included, read from the engine's files (log "
        "driver json-file).",
    )
    logs.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on until the container ends",
    )
    logs.add_argument(
        "--tail",
        type=_lines,
        metavar="N",
        help="only the last N lines (default: all)",
    )
    logs.add_argument(
        "-t",
        "--timestamps",
        action="store_true",
        help="begin lines with the time they were written",
    )
    check = _command(
        subparsers,
        "check",
        _check,
        "tell whether this host is fit for sets, and why not",
        "Look at kernel, control groups, engine, storage, network, clock, "
        "space and certificates. Each finding is ok, a warning (sets run, "
        "something could be better) or unfit (no new sets should be placed "
        "here). It starts a container and removes it; nothing else is "
        "changed. Exit code 0 if the host is fit, 1 if not.",
        subject=False,
        timeout=CHECK_TIMEOUT,
    )
    check.add_argument("--json", action="store_true", help="print JSON")


def _command(
    subparsers: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    brief: str,
    text: str,
    *,
    subject: bool = True,
    optional: bool = False,
    timeout: float = TIMEOUT,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=brief, description=text, epilog=epilog
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=timeout,
        metavar="SECONDS",
        help="how long to wait for the engine, or for a check "
        "(default: %(default)g)",
    )
    if subject:
        # plain "name" would be the name of the command
        parser.add_argument(
            "subject",
            metavar="NAME",
            nargs="?" if optional else None,
            help=names.FORMS,
        )
    parser.set_defaults(run=run)
    return parser


def main() -> int:
    """Run one command; an exit code above 0, and a sentence on stderr, if it
    cannot be done."""
    conf.register_all(CONF)
    CONF.register_cli_opt(cfg.SubCommandOpt("command", handler=_add_parsers))
    CONF(
        sys.argv[1:],
        project="caas",
        # not the name of this file: /etc/host.conf is somebody else's
        prog="caas-host",
        default_config_dirs=[
            folder for folder in CONFIG_DIRS if pathlib.Path(folder).is_dir()
        ][:1],
    )
    try:
        code: int = CONF.command.run(CONF.command)
    except HostError as error:
        sys.stderr.write(f"{error.message}\n")
        code = error.code
    sys.stdout.flush()
    sys.stderr.flush()
    # a thread that waits for what hangs must not keep this from ending
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
