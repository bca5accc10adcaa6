"""From options, or a file, to the bodies of requests about sets.

Only what has no meaning here is refused here; all else is the server's to
judge, and what is not given is left to its defaults.
"""

import argparse
import base64
import json
import sys
from typing import Any

import yaml
from osc_lib import exceptions

from caasclient.osc import options
from caasclient.sdk import sets

#: Name of the container where only one is asked for, by --image.
ONLY = "main"

CONTAINER = "<name>=<image>[,index=<n>][,cpu=<percent>][,memory=<percent>]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``set create`` makes a set of."""
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
        metavar=CONTAINER,
        type=options.container,
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
    told = parser.add_argument_group(
        "what its containers are told", "They find it in /run/caas."
    )
    told.add_argument(
        "--user-data", metavar="<path>", help="File with user data"
    )
    told.add_argument(
        "--key-name",
        metavar="<key>",
        help="Key pair of yours, for what takes authorized_keys",
    )
    parser.add_argument(
        "--no-network", action="store_true", help="It gets no address"
    )
    options.add_arguments(
        parser.add_argument_group(
            "options of a container",
            "With --container they begin with the container's name: "
            "--command 'web=httpd -f', --env web:KEY=VALUE, --port web:80. "
            "All can be repeated.",
        ),
        options.OPTIONS,
        "[<name>=]",
    )


def add_change_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``set update`` makes of the containers of a set."""
    group = parser.add_argument_group(
        "which containers it has",
        "All that is said of containers is done together, while the set runs, "
        "or none of it.",
    )
    group.add_argument(
        "--add-container",
        metavar=CONTAINER,
        type=options.container,
        action="append",
        default=[],
        help="One more container (repeat for several)",
    )
    group.add_argument(
        "--remove-container",
        metavar="<container>",
        action="append",
        default=[],
        help="Name or id of one to remove (repeat for several)",
    )
    group.add_argument(
        "--file",
        metavar="<path>",
        help="Read the change of containers from a YAML or JSON file, '-' for "
        "standard input: 'containers' with what is to be otherwise of each, "
        "'add', 'remove'",
    )
    add_monitor(group)
    options.add_arguments(
        parser.add_argument_group(
            "what its containers are like",
            "They begin with the container's name: --image web=httpd:2, "
            "--env web:KEY=VALUE. All can be repeated. --port, --mount and "
            "--ulimit replace all there were; --env, --label and --block-io "
            "leave the others. See set create --help.",
        ),
        options.CHANGES,
        "<name>=",
    )


def add_monitor(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--monitor",
        metavar="<seconds>",
        type=float,
        help="How long what is started has to run for the change to count, "
        "where it has no health check (default 2)",
    )


def body(args: argparse.Namespace) -> dict[str, Any]:
    """The set asked for by the options of ``set create``."""
    spec = _load(args.file, "set") if args.file else {}
    containers = _containers(args)
    if containers:
        spec["containers"] = containers
    for key, value in (
        ("name", args.name),
        ("description", args.description),
        ("flavor", args.flavor),
        ("availability_zone", args.availability_zone),
        ("hostname", args.hostname),
        ("key_name", args.key_name),
        ("user_data", _encoded(args.user_data)),
        ("network", "none" if args.no_network else None),
        ("min_count", args.min),
        ("max_count", args.max),
    ):
        if value is not None:
            spec[key] = value
    for key, value in (("metadata", args.property), ("sysctls", args.sysctl)):
        if value:
            said = spec.get(key)
            spec[key] = {**(said if isinstance(said, dict) else {}), **value}
    for key, option in (("name", "<name>"), ("flavor", "--flavor")):
        if key not in spec:
            raise exceptions.CommandError(f"Give {option}.")
    return spec


def _encoded(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return base64.b64encode(file.read()).decode()
    except OSError as error:
        raise exceptions.CommandError(
            f"{path} cannot be read: {error.strerror}."
        ) from None


def _containers(args: argparse.Namespace) -> list[dict[str, Any]]:
    if args.image:
        containers = [{"name": ONLY, "image": args.image}]
    else:
        containers = args.container or []
    targets = _new(containers, "--container")
    if args.file:
        _nothing_besides_file(options.given(args, options.OPTIONS))
    options.read(
        args,
        options.OPTIONS,
        targets,
        targets[ONLY] if args.image else None,
    )
    return containers


def change(args: argparse.Namespace, item: sets.Set) -> dict[str, Any]:
    """The change of containers asked for by the options of ``set update``.

    :param item: the set as it is.
    :returns: the body; empty if the options say nothing of containers.
    """
    if args.file:
        _nothing_besides_file(
            options.given(args, options.CHANGES)
            or ("--add-container" if args.add_container else "")
            or ("--remove-container" if args.remove_container else "")
        )
        asked = _load(args.file, "update")
    else:
        there = {
            each["name"]: options.Target({"name": each["name"]}, each)
            for each in item.containers
            if each["role"] == "business"
        }
        new = _new(args.add_container, "--add-container")
        options.read(args, options.CHANGES, there | new)
        changed = [t.asked for t in there.values() if len(t.asked) > 1]
        said = {
            "containers": changed,
            "add": args.add_container,
            "remove": args.remove_container,
        }
        asked = {key: value for key, value in said.items() if value}
    if asked and args.monitor is not None:
        asked["monitor"] = args.monitor
    return asked


def _new(
    containers: list[dict[str, Any]], flag: str
) -> dict[str, options.Target]:
    targets = {each["name"]: options.Target(each) for each in containers}
    if len(targets) < len(containers):
        raise exceptions.CommandError(f"Each {flag} needs its name.")
    return targets


def _nothing_besides_file(flag: str) -> None:
    """:param flag: an option that is given, or "" for none."""
    if flag:
        raise exceptions.CommandError(
            f"{flag} does not go with --file; say it in the file."
        )


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


def _load(path: str, noun: str) -> dict[str, Any]:
    """What a file says, on its own or below the key of a request."""
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
    if isinstance(spec, dict) and set(spec) == {noun}:
        spec = spec[noun]
    if not isinstance(spec, dict):
        like = {
            "set": "what a set has, as in 'name: web'",
            "update": "what is to change, as in 'remove: [web]'",
        }
        raise exceptions.CommandError(f"{path} has to say {like[noun]}.")
    return spec


def _parse(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            # may still be YAML's flow style
            pass
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (it is a SafeLoader)
