"""openstack caas image ..."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from osc_lib import exceptions

from caasclient.osc import base, columns
from caasclient.sdk import images

LIST: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("Name", "name", columns.Plain),
    ("Size", "size", columns.Bytes),
    ("Layers", "layer_count", columns.Plain),
    ("Platforms", "platforms", columns.Comma),
    ("Updated At", "updated_at", columns.Time),
]
LONG: list[columns.Column] = [
    ("Digest", "digest", columns.Plain),
    ("Unpacked Size", "unpacked_size", columns.Bytes),
    ("Problem", "problem", columns.Plain),
    ("Public", "public", columns.Plain),
    ("Project ID", "project_id", columns.Plain),
    ("User ID", "user_id", columns.Plain),
    ("Deleted At", "deleted_at", columns.Time),
]
_SHORT = (
    "id",
    "name",
    "digest",
    "size",
    "unpacked_size",
    "platforms",
    "problem",
    "created_at",
    "updated_at",
    "deleted_at",
    "project_id",
    "public",
    "user_id",
)
_KINDS: dict[str, type[columns.Plain]] = {
    "size": columns.Bytes,
    "unpacked_size": columns.Bytes,
    "platforms": columns.Comma,
    "created_at": columns.Time,
    "updated_at": columns.Time,
    "deleted_at": columns.Time,
}
SHORT = columns.fields(*_SHORT, **_KINDS)
SHOW = columns.fields(
    *_SHORT,
    "media_type",
    "artifact_type",
    "parts",
    "platform",
    "built_at",
    "author",
    "config",
    "annotations",
    "layers",
    "warnings",
    **_KINDS,
    parts=columns.Parts,
    config=columns.Config,
    annotations=columns.Mapping,
    layers=columns.Layers,
    warnings=columns.Lines,
)
USAGE: list[columns.Column] = [
    ("Set", "set_name", columns.Plain),
    ("Container", "container", columns.Plain),
    ("Status", "status", columns.Plain),
    ("Called", "image", columns.Plain),
    ("Set ID", "set_id", columns.Plain),
    ("Created At", "created_at", columns.Time),
]


class ListImage(base.Lister):
    """List images, the latest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "name",
            metavar="<name>",
            nargs="?",
            help="Only those whose names begin so, as demo/ or demo/web:",
        )
        for key, text in (
            ("namespace", "Only of this namespace"),
            ("repository", "Only of this repository, without the namespace"),
            ("tag", "Only with this tag"),
            ("digest", "Only with this digest"),
        ):
            parser.add_argument(f"--{key}", metavar=f"<{key}>", help=text)
        parser.add_argument(
            "--deleted",
            action="store_true",
            help="What is in the recycle bin instead",
        )
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="Of all projects (administrators)",
        )
        parser.add_argument(
            "--sort",
            metavar="<key>[:asc|:desc]",
            default="updated_at:desc",
            help="By updated_at, created_at, name or size (default "
            "updated_at:desc)",
        )
        self.add_limits(parser, 1000)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        query: dict[str, Any] = {
            key: value
            for key in ("name", "namespace", "repository", "tag", "digest")
            if (value := getattr(args, key)) is not None
        }
        for key in ("deleted", "all_projects"):
            if getattr(args, key):
                query[key] = True
        key, _, direction = args.sort.partition(":")
        query |= {"sort_key": key, "sort_dir": direction or "asc"}
        found = self.caas.images(max_items=args.limit, **query)
        return columns.table(LIST + (LONG if args.long else []), found)


class _OnImage(base.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "image",
            metavar="<image>",
            help="Name, id or digest; a name without a tag means :latest",
        )
        return parser


class _OfPlatform(_OnImage):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--platform",
            metavar="<os>/<architecture>",
            help="Of an index: which image in it (default linux/amd64)",
        )
        return parser


class ShowImage(_OfPlatform, base.ShowOne):
    """Show an image, its configuration and its layers."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        image = self.caas.get_image(parsed_args.image, parsed_args.platform)
        return columns.record(SHOW, image)


class ImageHistory(_OfPlatform, base.Lister):
    """Show how an image was built, line by line; the oldest first."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        found = self.caas.image_history(
            parsed_args.image, parsed_args.platform
        )
        return ("Instruction", "Size", "Layer", "Created"), (
            [
                columns.Plain(each["instruction"]),
                columns.Bytes(each["size"] if each["layer"] else None),
                columns.Short(each["layer"] and each["layer"]["digest"]),
                columns.Time(each["created"]),
            ]
            for each in found
        )


class ImageTree(_OfPlatform, base.Lister):
    """Show which images an image stands on, and which stand on it.

    Of those you may pull.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--limit",
            metavar="<count>",
            type=int,
            default=100,
            help="Show at most so many that stand on it (default 100)",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        image = self.caas.get_image(args.image, args.platform)
        tree = self.caas.image_tree(image.id, args.platform, args.limit)
        if tree["more"]:
            self.app.stderr.write(
                f"More than {args.limit} images stand on it.\n"
            )
        return ("Image", "Relation", "Size", "ID"), (
            [
                columns.Plain(f"{'  ' * depth}{name}"),
                columns.Plain(relation),
                columns.Bytes(size),
                columns.Plain(ident),
            ]
            for depth, relation, name, size, ident in _rows(image, tree)
        )


def _rows(
    image: images.Image, tree: dict[str, Any]
) -> Iterator[tuple[int, str, str, int, str]]:
    """Depth, relation, name, size, id: each below what it stands on."""
    depths: dict[str, int] = {}

    def depth(each: dict[str, Any]) -> int:
        found = depths[each["id"]] = depths.get(each["parent_id"], -1) + 1
        return found

    for each in tree["parents"]:
        yield depth(each), "parent", each["name"], each["size"], each["id"]
    own = max(depths.values(), default=-1) + 1
    depths[image.id] = own
    yield own, "", image.name, image.size, image.id
    for each in tree["same"]:
        yield own, "same layers", each["name"], each["size"], each["id"]
    below: dict[str, list[dict[str, Any]]] = {}
    for each in tree["children"]:
        below.setdefault(each["parent_id"], []).append(each)

    def children(
        of: str, level: int
    ) -> Iterator[tuple[int, str, str, int, str]]:
        for each in sorted(below.get(of, ()), key=lambda e: str(e["name"])):
            yield level, "child", each["name"], each["size"], each["id"]
            yield from children(each["id"], level + 1)

    yield from children(image.id, own + 1)


class ImageUsage(_OnImage, base.Lister):
    """List the containers of your sets that are made from an image."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--all-projects",
            action="store_true",
            help="In all projects (administrators)",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        query = {"all_projects": True} if parsed_args.all_projects else {}
        image = self.caas.get_image(parsed_args.image)
        return columns.table(USAGE, self.caas.image_usage(image, **query))


class ImageSpace(base.Lister):
    """Show what images take of the storage.

    Layers that several share are stored once and counted once. Alone is what
    nothing else needs: what would be free without it.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--by",
            choices=("namespace", "repository", "image"),
            default="namespace",
            help="What is told apart (default namespace)",
        )
        parser.add_argument(
            "--namespace", metavar="<namespace>", help="Only within this one"
        )
        parser.add_argument(
            "--repository",
            metavar="<repository>",
            help="Only this one, without the namespace",
        )
        parser.add_argument(
            "--project",
            metavar="<project>",
            help="Of this project, by name or id (administrators)",
        )
        parser.add_argument(
            "--limit",
            metavar="<count>",
            type=int,
            default=100,
            help="Show the largest so many (default 100)",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        query: dict[str, Any] = {"limit": args.limit}
        for key in ("namespace", "repository"):
            if getattr(args, key):
                query[key] = getattr(args, key)
        if args.project:
            query["project_id"] = self.project_id(args.project)
        space = self.caas.image_space(args.by, **query)
        self.app.stderr.write(
            f"{columns.Bytes(space['size'])} in all, of which "
            f"{columns.Bytes(space['deleted'])} are in the recycle bin "
            "only.\n"
        )
        return (args.by.capitalize(), "Images", "Size", "Alone"), (
            [
                columns.Plain(part["name"]),
                columns.Plain(part["images"]),
                columns.Bytes(part["size"]),
                columns.Bytes(part["alone"]),
            ]
            for part in space["parts"]
        )


class TagImage(_OnImage, base.ShowOne):
    """Give an image one more name; no bytes move."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "name",
            metavar="<name>",
            help="namespace/repository:tag; an image that has it so far goes "
            "to the recycle bin",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        image = self.caas.tag_image(parsed_args.image, parsed_args.name)
        return columns.record(SHORT, image)


class UntagImage(base.Command):
    """Take names from images: those of one name go to the recycle bin."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "names",
            metavar="<name>",
            nargs="+",
            help="namespace/repository:tag (several)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        names = parsed_args.names
        for name in names:
            if "/" not in name or "@" in name or ":" not in name:
                raise exceptions.CommandError(
                    f"{name!r} is not NAMESPACE/REPOSITORY:TAG; image delete "
                    "takes ids and digests as well."
                )
        _, errors = base.attempt(
            names,
            lambda name: self.caas.delete_image(name, ignore_missing=False),
        )
        base.complain(errors, len(names), "names could not be taken away")


class DeleteImage(base.Command):
    """Move images to the recycle bin; sets that use them go on."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "images",
            metavar="<image>",
            nargs="+",
            help="Name, id or digest (several)",
        )
        parser.add_argument(
            "--purge",
            action="store_true",
            help="For good, past the recycle bin or out of it (managers)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        args = parsed_args
        _, errors = base.attempt(
            args.images,
            lambda image: self.caas.delete_image(
                image, ignore_missing=False, purge=args.purge
            ),
        )
        base.complain(errors, len(args.images), "images could not be deleted")


class RestoreImage(base.ShowOne):
    """Take an image out of the recycle bin."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "image",
            metavar="<image>",
            help="Id, or the name it had if there is only one such",
        )
        parser.add_argument(
            "--tag", metavar="<tag>", help="Under another tag than it had"
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        image = self.caas.restore_image(
            self.find(parsed_args.image), parsed_args.tag
        )
        return columns.record(SHORT, image)

    def find(self, text: str) -> str:
        """The id of one in the recycle bin."""
        if "/" not in text:
            return text
        found = [
            each
            for each in self.caas.images(deleted=True, name=text)
            if each.name == text
        ]
        if len(found) == 1:
            return str(found[0].id)
        if found:
            ids = ", ".join(str(each.id) for each in found)
            raise exceptions.CommandError(
                f"{len(found)} images in the recycle bin were {text!r}; give "
                f"one of their ids: {ids}."
            )
        raise exceptions.CommandError(
            f"There is no image {text!r} in the recycle bin."
        )
