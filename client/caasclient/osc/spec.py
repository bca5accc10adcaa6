"""From options, or a file, to the body of ``POST /v1/sets``.

Only what has no meaning here is refused here; all else is the server's to
judge, and what is not given is left to its defaults.
"""

import argparse
import json
import re
import shlex
import sys
from collections.abc import Callable
from typing import Any

import yaml
from osc_lib import exceptions

#: Name of the container where only one is asked for, by --image.
ONLY = "main"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group(
        "what it consists of", "One of these three:"
    ).add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--image",
        metavar="<image>",
        help=f"One container, named {ONLY!r}, of this image (id, name:tag or "
        "digest)",
    )
    source.add_argument(
        "--container",
        metavar="<name>=<image>[,index=<n>][,cpu=<percent>][,memory=<percent>]",
        type=_container,
        action="append",
        help="A container: its start order (equal ones start in parallel) and "
        "its share of the set's CPU and memory (repeat for several)",
    )
    source.add_argument(
        "--file",
        metavar="<path>",
        help="Read all of it from a YAML or JSON file, '-' for standard "
        "input; other options win over what it says",
    )
    options = parser.add_argument_group(
        "options of a container",
        "With --container they begin with the container's name: "
        "--command 'web=httpd -f', --env web:KEY=VALUE, --port web:80. All "
        "can be repeated.",
    )
    for flag, metavar, text in (
        ("command", "[<name>=]<words>", "What it runs, as in a shell"),
        ("entrypoint", "[<name>=]<words>", "Entrypoint, as in a shell"),
        ("workdir", "[<name>=]<path>", "Where it runs"),
        ("user", "[<name>=]<user>[:<group>]", "Who it runs as"),
        (
            "restart",
            "[<name>=]no|on-failure|always|unless-stopped[:<max-retries>]",
            "When it is started again",
        ),
        ("env", "[<name>:]<key>=<value>", "Environment variable"),
        ("label", "[<name>:]<key>=<value>", "Label"),
        ("port", "[<name>:]<port>[/tcp|/udp|/sctp]", "Port it listens on"),
        (
            "mount",
            "[<name>:]<path>[:<sub-path>][:ro]",
            "Where it sees the set's volume, or a folder of it",
        ),
    ):
        options.add_argument(
            f"--{flag}",
            metavar=metavar,
            action="append",
            default=[],
            help=text,
        )


def body(args: argparse.Namespace) -> dict[str, Any]:
    """The set asked for by the options of ``set create``."""
    spec = _load(args.file) if args.file else {}
    containers = _containers(args)
    if containers:
        spec["containers"] = containers
    for key, value in (
        ("name", args.name),
        ("description", args.description),
        ("flavor", args.flavor),
        ("availability_zone", args.availability_zone),
        ("hostname", args.hostname),
        ("min_count", args.min),
        ("max_count", args.max),
    ):
        if value is not None:
            spec[key] = value
    if args.property:
        metadata = spec.get("metadata")
        spec["metadata"] = {
            **(metadata if isinstance(metadata, dict) else {}),
            **args.property,
        }
    for key, option in (("name", "<name>"), ("flavor", "--flavor")):
        if key not in spec:
            raise exceptions.CommandError(f"Give {option}.")
    return spec


def _containers(args: argparse.Namespace) -> list[dict[str, Any]]:
    if args.image:
        containers = {ONLY: {"name": ONLY, "image": args.image}}
    else:
        containers = {each["name"]: each for each in args.container or ()}
        if len(containers) < len(args.container or ()):
            raise exceptions.CommandError("Each --container needs its name.")
    for flag, (separator, put) in _OPTIONS.items():
        for text in getattr(args, flag):
            if args.file:
                raise exceptions.CommandError(
                    f"--{flag} goes with --image or --container; with --file "
                    "say it in the file."
                )
            name, value = ONLY, text
            if not args.image:
                name, _, value = text.partition(separator)
            if name not in containers:
                raise exceptions.CommandError(
                    f"--{flag} {text!r} has to begin with the name of a "
                    f"container and {separator!r}; there are "
                    f"{', '.join(containers)}."
                )
            try:
                put(containers[name], value)
            except ValueError as e:
                raise exceptions.CommandError(
                    f"--{flag} {text!r}: {e}."
                ) from None
    return list(containers.values())


def _container(text: str) -> dict[str, Any]:
    first, *rest = text.split(",")
    name, _, image = first.partition("=")
    if not name or not image:
        raise argparse.ArgumentTypeError(f"{text!r} is not <name>=<image>")
    container: dict[str, Any] = {"name": name, "image": image}
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
            container[keys[key]] = int(value)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{each!r} in {text!r} is not a whole number"
            ) from None
    return container


Put = Callable[[dict[str, Any], str], None]


def _once(key: str, parse: Callable[[str], Any]) -> Put:
    def put(container: dict[str, Any], text: str) -> None:
        if key in container:
            raise ValueError("it is given twice")
        container[key] = parse(text)

    return put


def _pair(key: str) -> Put:
    def put(container: dict[str, Any], text: str) -> None:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ValueError("a <key>=<value> is missing")
        container.setdefault(key, {})[name] = value

    return put


def _item(key: str, parse: Callable[[str], Any]) -> Put:
    def put(container: dict[str, Any], text: str) -> None:
        container.setdefault(key, []).append(parse(text))

    return put


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


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]+", text):
        raise ValueError(f"{text!r} is not a number")
    return int(text)


#: Option -> what stands between container and value, and what it sets.
_OPTIONS: dict[str, tuple[str, Put]] = {
    "command": ("=", _once("command", shlex.split)),
    "entrypoint": ("=", _once("entrypoint", shlex.split)),
    "workdir": ("=", _once("working_dir", str)),
    "user": ("=", _once("user", str)),
    "restart": ("=", _once("restart_policy", _restart)),
    "env": (":", _pair("env")),
    "label": (":", _pair("labels")),
    "port": (":", _item("ports", _port)),
    "mount": (":", _item("mounts", _mount)),
}


class _Loader(yaml.SafeLoader):
    """YAML without dates, which JSON does not have."""

    yaml_implicit_resolvers = {
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag != "tag:yaml.org,2002:timestamp"
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _load(path: str) -> dict[str, Any]:
    """The set in a file, on its own or below a key ``set``."""
    try:
        if path == "-":
            text = sys.stdin.read()
        else:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        spec = _parse(text)
    except OSError as e:
        raise exceptions.CommandError(
            f"{path} cannot be read: {e.strerror}."
        ) from e
    except (ValueError, yaml.YAMLError) as e:
        what = " ".join(str(e).split())
        raise exceptions.CommandError(
            f"{path} is neither YAML nor JSON: {what}."
        ) from e
    if isinstance(spec, dict) and set(spec) == {"set"}:
        spec = spec["set"]
    if not isinstance(spec, dict):
        raise exceptions.CommandError(
            f"{path} has to say what a set has, as in 'name: web'."
        )
    return spec


def _parse(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            # may still be YAML's flow style
            pass
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (it is a SafeLoader)
