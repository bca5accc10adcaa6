"""Options that say what a container is like.

Only what has no meaning here is refused here; all else is the server's to
judge, and what is not given is left as it is.
"""

import argparse
import dataclasses
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from osc_lib import exceptions

#: Writes a value into what is asked of a container.  What it was like before
#: is the view of the API, or empty where it is new.
Put = Callable[[dict[str, Any], str, dict[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Option:
    """:ivar separator: between the name of the container and the value.
    :ivar repeat: it may be given several times for a container.
    """

    flag: str
    value: str
    help: str
    separator: str
    put: Put
    repeat: bool = False

    @property
    def dest(self) -> str:
        return self.flag.replace("-", "_")


@dataclasses.dataclass(frozen=True)
class Target:
    """A container that options are about.

    :ivar asked: what they make of it.
    :ivar before: what it is like; empty where it is new.
    """

    asked: dict[str, Any]
    before: dict[str, Any] = dataclasses.field(default_factory=dict)


def add_arguments(
    group: argparse._ArgumentGroup, options: Sequence[Option], named: str = ""
) -> None:
    """:param named: what stands for the container before the separator."""
    for option in options:
        name = named.replace("=", option.separator)
        group.add_argument(
            f"--{option.flag}",
            metavar=f"{name}{option.value}",
            action="append",
            default=[],
            help=option.help,
        )


def given(args: argparse.Namespace, options: Sequence[Option]) -> str:
    """The first of the options that is given, with its dashes; or ""."""
    flags = (f"--{o.flag}" for o in options if getattr(args, o.dest))
    return next(flags, "")


def read(
    args: argparse.Namespace,
    options: Sequence[Option],
    targets: Mapping[str, Target],
    only: Target | None = None,
) -> None:
    """Write what the options say into their targets.

    :param targets: by name of the container, which values begin with.
    :param only: values are about this one and begin with no name.
    """
    said = set()
    for option in options:
        for text in getattr(args, option.dest):
            target, value = only, text
            if target is None:
                name, separator, value = text.partition(option.separator)
                target = targets.get(name) if separator else None
            if target is None:
                raise exceptions.CommandError(
                    f"--{option.flag} {text!r} has to begin with the name of "
                    f"a container and {option.separator!r}; there are "
                    f"{', '.join(targets)}."
                )
            try:
                if (option.flag, id(target)) in said and not option.repeat:
                    raise ValueError("it is given twice")
                option.put(target.asked, value, target.before)
            except ValueError as e:
                raise exceptions.CommandError(
                    f"--{option.flag} {text!r}: {e}."
                ) from None
            said.add((option.flag, id(target)))


def container(text: str) -> dict[str, Any]:
    """``<name>=<image>[,index=<n>][,cpu=<percent>][,memory=<percent>]``"""
    first, *rest = text.split(",")
    name, _, image = first.partition("=")
    if not name or not image:
        raise argparse.ArgumentTypeError(f"{text!r} is not <name>=<image>")
    found: dict[str, Any] = {"name": name, "image": image}
    keys = {
        "index": "index",
        "cpu": "cpu_percent",
        "memory": "memory_percent",
    }
    for each in rest:
        key, _, value = each.partition("=")
        if key not in keys:
            raise argparse.ArgumentTypeError(
                f"{each!r} in {text!r} is none of index=, cpu=, memory="
            )
        try:
            found[keys[key]] = int(value)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{each!r} in {text!r} is not a whole number"
            ) from None
    return found


# How options write what they say.


def _once(key: str, parse: Callable[[str], Any]) -> Put:
    def put(asked: dict[str, Any], text: str, _: dict[str, Any]) -> None:
        asked[key] = parse(text)

    return put


def _merged(
    key: str, asked: dict[str, Any], before: dict[str, Any]
) -> dict[str, Any]:
    """An object to change, which begins as what there was."""
    if asked.get(key) is None:
        asked[key] = {} if key in asked else dict(before.get(key) or {})
    found: dict[str, Any] = asked[key]
    return found


def _pair(
    key: str, parse: Callable[[str, str], tuple[str, Any]] | None = None
) -> Put:
    """Sets one entry of an object; the others stay."""

    def put(asked: dict[str, Any], text: str, before: dict[str, Any]) -> None:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ValueError("a <key>=<value> is missing")
        pair = parse(name, value) if parse else (name, value)
        _merged(key, asked, before).update([pair])

    return put


def _without(key: str, what: str) -> Put:
    """Removes one entry of an object."""

    def put(asked: dict[str, Any], text: str, before: dict[str, Any]) -> None:
        if _merged(key, asked, before).pop(text, None) is None:
            raise ValueError(f"it has no {what} of this name")

    return put


def _item(key: str, parse: Callable[[str], Any]) -> Put:
    """Adds to a list, which is replaced as a whole."""

    def put(asked: dict[str, Any], text: str, _: dict[str, Any]) -> None:
        asked.setdefault(key, []).append(parse(text))

    return put


def _hook(when: str) -> Put:
    def put(asked: dict[str, Any], text: str, before: dict[str, Any]) -> None:
        words, said = _settings(text, _HOOK)
        _merged("hooks", asked, before)[when] = {
            "command": shlex.split(words),
            **said,
        }

    return put


def _unset(asked: dict[str, Any], text: str, before: dict[str, Any]) -> None:
    if text in ("pre-start", "pre-stop"):
        _merged("hooks", asked, before)[text.replace("-", "_")] = None
        return
    if text not in _DEFAULTS:
        raise ValueError(f"it is none of {', '.join(UNSET)}")
    key, default = _DEFAULTS[text]
    # each its own: other options go on from it
    asked[key] = type(default)() if default is not None else None


# How values are read.


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]+", text):
        raise ValueError(f"{text!r} is not a number")
    return int(text)


def _seconds(text: str) -> int | float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise ValueError(f"{text!r} is not a number of seconds")
    return float(text) if "." in text else int(text)


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(f"{text!r} is neither yes nor no")
    return text == "yes"


def _restart(text: str) -> dict[str, Any]:
    name, colon, retries = text.partition(":")
    if not colon:
        return {"name": name}
    return {"name": name, "max_retries": _number(retries)}


def _port(text: str) -> dict[str, Any]:
    port, slash, protocol = text.partition("/")
    asked: dict[str, Any] = {"port": _number(port)}
    if slash:
        asked["protocol"] = protocol
    return asked


def _mount(text: str) -> dict[str, Any]:
    path, *rest = text.split(":")
    mount: dict[str, Any] = {"path": path}
    if rest and rest[-1] in ("ro", "rw"):
        mount["read_only"] = rest.pop() == "ro"
    if len(rest) > 1:
        raise ValueError("it is not <path>[:<sub-path>][:ro]")
    if rest:
        mount["sub_path"] = rest[0]
    return mount


def _ulimit(text: str) -> dict[str, Any]:
    name, equals, limits = text.partition("=")
    soft, _, hard = limits.partition(":")
    if not name or not equals:
        raise ValueError("it is not <name>=<soft>[:<hard>]")
    return {"name": name, "soft": _limit(soft), "hard": _limit(hard or soft)}


def _limit(text: str) -> int:
    return -1 if text in ("-1", "unlimited") else _number(text)


def _rate(key: str, text: str) -> tuple[str, int]:
    rates = ("read-bps", "write-bps", "read-iops", "write-iops")
    if key not in rates:
        raise ValueError(f"{key!r} is none of {', '.join(rates)}")
    number, unit = text, 1
    if key.endswith("bps") and text[-1:] in _UNITS:
        number, unit = text[:-1], _UNITS[text[-1]]
    return key.replace("-", "_"), _number(number) * unit


_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}

_HOOK: dict[str, Callable[[str], Any]] = {"timeout": _seconds}
_CHECK: dict[str, Callable[[str], Any]] = {
    "interval": _seconds,
    "timeout": _seconds,
    "retries": _number,
    "start-period": _seconds,
    "restart": _yes,
}


def _health(text: str) -> dict[str, Any]:
    kind, _, what = text.partition(":")
    if kind not in ("exec", "http", "tcp"):
        raise ValueError(
            "it is none of exec:<words>, http:<port>[/<path>], tcp:<port>"
        )
    what, said = _settings(what, _CHECK)
    if kind == "exec":
        return {"type": kind, "command": shlex.split(what), **said}
    if "," in what:
        wrong = what.partition(",")[2]
        raise ValueError(
            f"{wrong!r} is none of {', '.join(f'{k}=' for k in _CHECK)}"
        )
    port, slash, path = what.partition("/")
    if slash and kind == "http":
        return {
            "type": kind,
            "port": _number(port),
            "path": f"/{path}",
            **said,
        }
    return {"type": kind, "port": _number(what), **said}


def _settings(
    text: str, known: Mapping[str, Callable[[str], Any]]
) -> tuple[str, dict[str, Any]]:
    """Take ``,<key>=<value>`` of known keys off the end of a text."""
    found: dict[str, Any] = {}
    while match := re.search(r",([a-z-]+)=([^,]*)\Z", text):
        key, value = match.groups()
        if key not in known:
            break
        found[key.replace("-", "_")] = known[key](value)
        text = text[: match.start()]
    return text, found


#: What a container is like, in the order of the help.
OPTIONS = (
    Option(
        "command",
        "<words>",
        "What it runs, as in a shell",
        "=",
        _once("command", shlex.split),
    ),
    Option(
        "entrypoint",
        "<words>",
        "Entrypoint, as in a shell",
        "=",
        _once("entrypoint", shlex.split),
    ),
    Option(
        "workdir", "<path>", "Where it runs", "=", _once("working_dir", str)
    ),
    Option(
        "user", "<user>[:<group>]", "Who it runs as", "=", _once("user", str)
    ),
    Option(
        "restart",
        "no|on-failure|always|unless-stopped[:<max-retries>]",
        "When it is started again",
        "=",
        _once("restart_policy", _restart),
    ),
    Option(
        "run-to-completion",
        "yes|no",
        "Whether it does its work and ends, and a higher index waits for it "
        "to end with exit code 0",
        "=",
        _once("run_to_completion", _yes),
    ),
    Option(
        "env",
        "<key>=<value>",
        "Environment variable",
        ":",
        _pair("env"),
        repeat=True,
    ),
    Option(
        "label", "<key>=<value>", "Label", ":", _pair("labels"), repeat=True
    ),
    Option(
        "port",
        "<port>[/tcp|/udp|/sctp]",
        "Port it listens on",
        ":",
        _item("ports", _port),
        repeat=True,
    ),
    Option(
        "mount",
        "<path>[:<sub-path>][:ro]",
        "Where it sees the set's volume, or a folder of it",
        ":",
        _item("mounts", _mount),
        repeat=True,
    ),
    Option(
        "health",
        "exec:<words>|http:<port>[/<path>]|tcp:<port>[,<key>=<value>...]",
        "How to find out whether it does its work: a command in it that ends "
        "with exit code 0, an answer with a status from 200 to 399, or a "
        "connection. Keys: interval (seconds between checks, 10), timeout "
        "(of one, 3), retries (failures in a row that make it unhealthy, 3), "
        "start-period (seconds in which failures do not count, 0), restart "
        "(whether it is started again when unhealthy, yes)",
        "=",
        _once("health_check", _health),
    ),
    Option(
        "pre-start",
        "<words>[,timeout=<seconds>]",
        "Run before each start, in a container of its own made like this "
        "one; if it fails, this one does not start (time-out 30 seconds)",
        "=",
        _hook("pre_start"),
    ),
    Option(
        "pre-stop",
        "<words>[,timeout=<seconds>]",
        "Run in it before it is stopped (time-out 30 seconds)",
        "=",
        _hook("pre_stop"),
    ),
    Option(
        "ulimit",
        "<limit>=<soft>[:<hard>]",
        "Resource limit, such as nofile=1024:4096; 'unlimited' for none",
        ":",
        _item("ulimits", _ulimit),
        repeat=True,
    ),
    Option(
        "pids-limit",
        "<count>",
        "Most processes and threads",
        "=",
        _once("pids_limit", _number),
    ),
    Option(
        "block-io",
        "read-bps|write-bps|read-iops|write-iops=<count>",
        "Cap on reading or writing disks, in bytes (with K, M or G) or "
        "operations per second",
        ":",
        _pair("block_io", _rate),
        repeat=True,
    ),
    Option(
        "cpuset",
        "<cpus>",
        "CPUs of the host it may run on, such as 0-3,6 (administrators)",
        "=",
        _once("cpuset", str),
    ),
    Option(
        "tty",
        "yes|no",
        "Whether its first process has a terminal, for who attaches to it",
        "=",
        _once("tty", _yes),
    ),
    Option(
        "stdin",
        "yes|no",
        "Whether who attaches to its first process can write to it",
        "=",
        _once("stdin", _yes),
    ),
)

#: Option -> key of a container, and what it is without the option.
_DEFAULTS: dict[str, tuple[str, Any]] = {
    "command": ("command", None),
    "entrypoint": ("entrypoint", None),
    "workdir": ("working_dir", None),
    "user": ("user", None),
    "env": ("env", {}),
    "label": ("labels", {}),
    "port": ("ports", []),
    "mount": ("mounts", []),
    "health": ("health_check", None),
    "ulimit": ("ulimits", []),
    "pids-limit": ("pids_limit", None),
    "block-io": ("block_io", None),
    "cpuset": ("cpuset", None),
}
UNSET = (*_DEFAULTS, "pre-start", "pre-stop")

#: Of a container that is there; what takes away comes before what sets.
CHANGES = (
    Option(
        "image",
        "<image>",
        "Its new image: id, name:tag or digest; looked up anew even if it is "
        "called as before",
        "=",
        _once("image", str),
    ),
    Option("index", "<n>", "Its start order", "=", _once("index", _number)),
    Option(
        "cpu",
        "<percent>",
        "Its share of the set's CPU, at most",
        "=",
        _once("cpu_percent", _number),
    ),
    Option(
        "memory",
        "<percent>",
        "Its share of the set's memory, at most",
        "=",
        _once("memory_percent", _number),
    ),
    Option(
        "unset",
        "<option>",
        "Have it as without this option, before any other is applied: "
        + ", ".join(UNSET),
        "=",
        _unset,
        repeat=True,
    ),
    Option(
        "unset-env",
        "<key>",
        "Environment variable to remove",
        ":",
        _without("env", "variable"),
        repeat=True,
    ),
    Option(
        "unset-label",
        "<key>",
        "Label to remove",
        ":",
        _without("labels", "label"),
        repeat=True,
    ),
    *OPTIONS,
)
