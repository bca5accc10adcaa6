"""How values look in a table; in JSON and YAML they stay what they are."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from cliff import columns


class Plain(columns.FormattableColumn[Any]):
    def human_readable(self) -> str:
        return "" if self._value is None else self.text(self._value)

    def text(self, value: Any) -> str:
        """How a value that is not None looks."""
        return str(value)

    def __lt__(self, other: object) -> bool:
        # values of any kind have to be put in order
        return str(self) < str(other)


class Time(Plain):
    """Whole seconds."""

    def text(self, value: str) -> str:
        return re.sub(r"\.[0-9]+", "", value)


class Mapping(Plain):
    def text(self, value: dict[str, Any]) -> str:
        return "\n".join(f"{k}={v}" for k, v in sorted(value.items()))


class Lines(Plain):
    def text(self, value: list[str]) -> str:
        return "\n".join(value)


class Checks(Plain):
    """The names that findings begin with."""

    def text(self, value: list[str]) -> str:
        return ", ".join(sorted({each.partition(":")[0] for each in value}))


class Words(Plain):
    def text(self, value: list[str]) -> str:
        return shlex.join(value)


class Size(Plain):
    """A flavor, with what it is made of."""

    def text(self, value: dict[str, Any]) -> str:
        return (
            f"{value['name']} ({value['vcpus']} vCPUs, "
            f"{value['memory_mb']} MiB, {value['disk_gb']} GiB"
            + (", CPU burst)" if value.get("cpu_burst") else ")")
        )


class Name(Plain):
    def text(self, value: dict[str, Any]) -> str:
        return str(value.get("name") or value.get("ref"))


class Addresses(Plain):
    def text(self, value: list[dict[str, Any]]) -> str:
        return ", ".join(each["address"] for each in value)


class ContainerNames(Plain):
    """The business containers of a set."""

    def text(self, value: list[dict[str, Any]]) -> str:
        return ", ".join(
            each["name"] for each in value if each["role"] == "business"
        )


class Containers(Plain):
    """A line for each container of a set."""

    def text(self, value: list[dict[str, Any]]) -> str:
        return "\n".join(self.line(each) for each in value)

    def line(self, each: dict[str, Any]) -> str:
        words = [f"{each['name']}: {each['status']}"]
        if each.get("health"):
            words.append(each["health"])
        if each.get("paused") and each["status"] != "paused":
            words.append("to be paused")
        if each.get("exit_code") is not None:
            words.append(f"exit code {each['exit_code']}")
        if each.get("image"):
            words.append(f"image {Name(each['image'])}")
            words.append(f"index {each['index']}")
        return ", ".join(words) + (
            f" ({each['reason']})" if each.get("reason") else ""
        )


class Members(Plain):
    """The containers of an entry of the history."""

    def text(self, value: list[dict[str, Any]]) -> str:
        return "\n".join(
            f"{each['name']}: {Name(each['image'])}" for each in value
        )


class Failure(Plain):
    def text(self, value: dict[str, Any]) -> str:
        at = re.sub(r"\.[0-9]+", "", value["at"])
        return f"{value['action']} at {at}: {value['reason']}"


class Image(Plain):
    def text(self, value: dict[str, Any]) -> str:
        return f"{Name(value)}\nid {value['id']}\n{value['digest']}"


class Ports(Plain):
    def text(self, value: list[dict[str, Any]]) -> str:
        return ", ".join(
            f"{each['port']}/{each['protocol']}"
            + (f" ({each['name']})" if each.get("name") else "")
            for each in value
        )


class Mounts(Plain):
    def text(self, value: list[dict[str, Any]]) -> str:
        return "\n".join(
            each["path"]
            + (f" from {each['sub_path']}" if each.get("sub_path") else "")
            + (" read-only" if each.get("read_only") else "")
            for each in value
        )


class RestartPolicy(Plain):
    def text(self, value: dict[str, Any]) -> str:
        tries = value.get("max_retries")
        return f"{value['name']}" + (
            f", at most {tries} times" if tries else ""
        )


class HealthCheck(Plain):
    def text(self, value: dict[str, Any]) -> str:
        what = {
            "exec": lambda: shlex.join(value["command"] or ()),
            "http": lambda: f"{value['port']}{value['path']}",
            "tcp": lambda: str(value["port"]),
        }[value["type"]]()
        lines = [
            f"{value['type']}:{what}",
            f"every {value['interval']} s, within {value['timeout']} s",
            f"unhealthy after {value['retries']} failures"
            + (", then restarted" if value["restart"] else ""),
        ]
        if value["start_period"]:
            lines.append(f"start period {value['start_period']} s")
        return "\n".join(lines)


class Hooks(Plain):
    def text(self, value: dict[str, Any]) -> str:
        return "\n".join(
            f"{when}: {shlex.join(hook['command'])} "
            f"(within {hook['timeout']} s)"
            for when, hook in value.items()
            if hook
        )


class Ulimits(Plain):
    def text(self, value: list[dict[str, Any]]) -> str:
        return "\n".join(
            f"{each['name']}={each['soft']}:{each['hard']}" for each in value
        )


class Rates(Plain):
    """Those that are set."""

    def text(self, value: dict[str, Any]) -> str:
        return "\n".join(
            f"{key}={rate}"
            for key, rate in sorted(value.items())
            if rate is not None
        )


class Bytes(Plain):
    """Bytes, in the largest unit of which there is one."""

    def text(self, value: int) -> str:
        size, units = float(value), ["B", "KiB", "MiB", "GiB", "TiB"]
        while size >= 1024 and len(units) > 1:
            size /= 1024
            units.pop(0)
        return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


class Comma(Plain):
    def text(self, value: list[str]) -> str:
        return ", ".join(value)


class Short(Plain):
    """A digest, as far as it is told apart from others."""

    def text(self, value: str) -> str:
        return value[: len("sha256:") + 12]


class Parts(Plain):
    """What an index has in it."""

    def text(self, value: list[dict[str, Any]]) -> str:
        return "\n".join(
            f"{each['platform'] or 'other'} {each['digest']}"
            f" {Bytes(each['size'])}"
            for each in value
        )


class Layers(Plain):
    def text(self, value: list[dict[str, Any]]) -> str:
        return "\n".join(
            f"{each['digest']} {Bytes(each['size'])}"
            + (" (missing in Glance)" if each["missing"] else "")
            for each in value
        )


class Config(Plain):
    """Of an image: what is set."""

    def text(self, value: dict[str, Any]) -> str:
        lines = []
        for key, said in value.items():
            if not said:
                continue
            if key in ("entrypoint", "command"):
                lines.append(f"{key}: {shlex.join(said)}")
            elif isinstance(said, dict):
                lines += [f"{key}: {k}={v}" for k, v in sorted(said.items())]
            elif isinstance(said, list):
                lines += [f"{key}: {each}" for each in said]
            else:
                lines.append(f"{key}: {said}")
        return "\n".join(lines)


class Rules(Plain):
    """Of retention, as they are given."""

    def text(self, value: list[dict[str, Any]]) -> str:
        return "\n".join(self.line(each) for each in value)

    def line(self, each: dict[str, Any]) -> str:
        words = [f"repository={each['repository']}", f"tag={each['tag']}"]
        if each.get("keep_last"):
            words.append(f"keep-last={each['keep_last']}")
        if each.get("older_than_days"):
            words.append(f"older-than={each['older_than_days']}")
        words += [f"keep-tag={tag}" for tag in each.get("keep_tags") or ()]
        return ",".join(words)


class Usage(Plain):
    """``used`` of ``capacity``."""

    def text(self, value: dict[str, Any]) -> str:
        return f"{value['used']} / {value['capacity']}"


#: Header, attribute (or a function of the object), and how it looks.
Column = tuple[str, str | Callable[[Any], Any], type[Plain]]


def table(
    layout: Sequence[Column], objects: Iterable[Any]
) -> tuple[list[str], Iterator[list[Plain]]]:
    """What a Lister returns; objects are taken as they come."""
    return [header for header, _, _ in layout], (
        row(layout, each) for each in objects
    )


def row(layout: Sequence[Column], each: Any) -> list[Plain]:
    return [
        kind(getattr(each, get) if isinstance(get, str) else get(each))
        for _, get, kind in layout
    ]


def record(
    layout: Sequence[Column], each: Any
) -> tuple[list[str], list[Plain]]:
    """What a ShowOne returns."""
    return [header for header, _, _ in layout], row(layout, each)


def fields(*names: str, **kinds: type[Plain]) -> list[Column]:
    """Columns headed by the attribute's own name, as ShowOne has them."""
    return [(name, name, kinds.get(name, Plain)) for name in names]
