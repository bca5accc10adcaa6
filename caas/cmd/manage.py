"""caas-manage: what an operator does beside the API.

It talks to the database itself, so it works while nothing else runs.
"""

import argparse
import contextlib
import datetime
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cryptography import fernet
from oslo_config import cfg
from oslo_db import exception as db_exception

from caas import certificates, conf, context, exception, notifications
from caas.core import flavors, hosts
from caas.core.deps import Deps, NoImages
from caas.model.query import Query
from caas.store import migration, purge
from caas.store.engine import Store, utcnow

CONF = cfg.CONF


@contextlib.contextmanager
def _deps() -> Iterator[Deps]:
    publisher = notifications.publisher(
        CONF, "caas-manage", lambda: Store(CONF)
    )
    yield Deps(
        store=Store(CONF, publisher.events if publisher else None),
        notify=lambda _ctx, _ids: None,
        images=NoImages(),
        quota_defaults={},
        heartbeat_timeout=CONF.conductor.heartbeat_timeout,
    )
    if publisher is not None:
        publisher.stop()


def db_sync(args: argparse.Namespace) -> None:
    engine = Store(CONF).engine
    before = migration.version(engine)
    migration.sync(engine)
    now = migration.version(engine)
    print(
        f"The database is at {now} already."
        if now == before
        else f"The database went from {before or 'nothing'} to {now}."
    )


def db_version(args: argparse.Namespace) -> None:
    print(migration.version(Store(CONF).engine) or "none")


def db_purge(args: argparse.Namespace) -> None:
    before = utcnow() - datetime.timedelta(days=args.days)
    removed, _ = purge.purge(Store(CONF), before, before)
    for table, rows in removed.items():
        print(f"{table}: {rows} removed")


def flavor_create(args: argparse.Namespace) -> None:
    with _deps() as deps:
        created = flavors.create(
            deps,
            context.for_service(),
            {
                "name": args.flavor_name,
                "vcpus": args.vcpus,
                "memory_mb": args.memory,
                "disk_gb": args.disk,
                "description": args.description,
            },
        )
    print(f"Flavor {created.name} has the id {created.id}.")


def host_list(args: argparse.Namespace) -> None:
    now = utcnow()
    query = Query(limit=sys.maxsize, sort_key="name", sort_dir="asc")
    with _deps() as deps:
        found = hosts.list_(deps, context.for_service(), query)
    for host in found:
        print(
            host.name,
            host.status(now, deps.heartbeat_timeout).value,
            "enabled" if host.enabled else "disabled",
            f"{host.used_sets} sets",
            f"last seen {host.last_seen or 'never'}",
            sep="\t",
        )


def host_forget(args: argparse.Namespace) -> None:
    with _deps() as deps:
        hosts.delete(deps, context.for_service(), args.host_name)
    print(f"Host {args.host_name} is forgotten.")


def pull_key(args: argparse.Namespace) -> None:
    print(fernet.Fernet.generate_key().decode())


def certificate_authority(args: argparse.Namespace) -> None:
    print(certificates.authority(pathlib.Path(args.folder), args.days))


def certificate_host(args: argparse.Namespace) -> None:
    _issue(certificates.HOST, args)


def certificate_proxy(args: argparse.Namespace) -> None:
    _issue(certificates.PROXY, args)


def certificate_server(args: argparse.Namespace) -> None:
    _issue(certificates.SERVER, args, args.names)


def _issue(
    role: str, args: argparse.Namespace, others: Sequence[str] = ()
) -> None:
    folder = pathlib.Path(args.folder)
    print(certificates.issue(folder, role, args.subject, args.days, others))


def _positive(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = convert(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    return parse


def _add_parsers(subparsers: Any) -> None:
    db = _group(subparsers, "db", "the tables of caas")
    _command(db, "sync", db_sync, "make or upgrade the tables")
    _command(db, "version", db_version, "print the revision they are at")
    old = _command(db, "purge", db_purge, "remove deleted sets, old events")
    old.add_argument(
        "--days",
        type=_positive(int),
        default=90,
        help="keep what is younger (default: %(default)s)",
    )
    flavor = _group(subparsers, "flavor", "named sizes of sets")
    create = _command(flavor, "create", flavor_create, "add a flavor")
    # plain "name" would be the name of the command
    create.add_argument("flavor_name", metavar="NAME")
    create.add_argument("--vcpus", type=_positive(float), required=True)
    create.add_argument(
        "--memory", type=_positive(int), required=True, help="MiB"
    )
    create.add_argument(
        "--disk", type=_positive(int), required=True, help="GiB"
    )
    create.add_argument("--description", default="")
    host = _group(subparsers, "host", "machines with an agent")
    _command(host, "list", host_list, "print all hosts")
    forget = _command(
        host, "forget", host_forget, "remove a host that is gone for good"
    )
    forget.add_argument("host_name", metavar="NAME")
    _add_certificates(subparsers)
    _command(
        subparsers,
        "pull_key",
        pull_key,
        "print a new key for [pull] keys",
    )


def _add_certificates(subparsers: Any) -> None:
    group = _group(
        subparsers,
        "certificate",
        "by which proxies, hosts and the registry are known",
    )
    commands = [
        _command(
            group,
            "authority",
            certificate_authority,
            "make the authority that signs the others: ca.crt, ca.key",
        ),
        _command(
            group,
            "host",
            certificate_host,
            "make one for the agent of a host: host-NAME.crt, host-NAME.key",
        ),
        _command(
            group,
            "proxy",
            certificate_proxy,
            "make one for caas-api, caas-console and caas-ssh: NAME.crt, "
            "NAME.key",
        ),
        _command(
            group,
            "server",
            certificate_server,
            "make one for caas-registry, where no better one is to be had: "
            "NAME.crt, NAME.key",
        ),
    ]
    for command, days in zip(commands, (3650, 825, 825, 825), strict=True):
        command.add_argument(
            "--folder", default=".", help="where files are made"
        )
        command.add_argument(
            "--days",
            type=_positive(int),
            default=days,
            help="it is good for (default: %(default)s)",
        )
    commands[1].add_argument(
        "subject", metavar="NAME", help="[DEFAULT] host of its agent"
    )
    commands[2].add_argument(
        "subject",
        metavar="NAME",
        nargs="?",
        default="caas-console",
        help="[streams] proxy_name of agents (default: %(default)s)",
    )
    commands[3].add_argument(
        "subject", metavar="NAME", help="of the files, and a name of it"
    )
    commands[3].add_argument(
        "names",
        metavar="ALIAS",
        nargs="*",
        help="another name or an address by which clients know it",
    )


def _group(subparsers: Any, name: str, text: str) -> Any:
    parser = subparsers.add_parser(name, help=text, description=text)
    return parser.add_subparsers(dest="verb", required=True)


def _command(
    subparsers: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    text: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=text, description=text
    )
    parser.set_defaults(run=run)
    return parser


def main() -> int:
    """Run one command; 1 with a sentence on stderr if it can't be done."""
    conf.register_all(CONF)
    CONF.register_cli_opt(cfg.SubCommandOpt("command", handler=_add_parsers))
    CONF(sys.argv[1:], project="caas")
    try:
        CONF.command.run(CONF.command)
    except exception.CaasError as error:
        print(error.message, file=sys.stderr)
        return 1
    except db_exception.DBError as error:
        print(
            f"The database refused: {error.inner_exception or error}\n"
            "Is [database] connection right, and has 'caas-manage db sync' "
            "been run?",
            file=sys.stderr,
        )
        return 1
    return 0
