"""Write tempest.conf for a stack, and make what it names.

Compute is that of caas; of other services there are Keystone and Glance. The
password of the administrator comes by the environment.

Tempest is told that there is Neutron: without, it leaves out all tests that
use a server, as it would make a network for each. Accounts that are there
before, which these are, get none made; and servers have an address here.
"""

import argparse
import configparser
import os
import pathlib
import sys
import tempfile
import time
from secrets import token_hex

import cloud
import image
import yaml
from identity import Keystone

#: What sets do not have, or their API does not yet; tests of it are skipped.
LACKING = (
    "attach_encrypted_volume",
    "block_migration_for_live_migration",
    "can_migrate_between_any_hosts",
    "change_password",
    "config_drive",
    "enable_instance_password",
    "ide_bus",
    "interface_attach",
    "live_migration",
    "metadata_service",
)
#: What they have, beyond what Tempest takes for given.
THERE = ("personality", "resize", "serial_console", "vnc_console")

#: By Nova's names, what the scheduler looks at.
FILTERS = (
    *("AvailabilityZoneFilter", "DifferentHostFilter", "SameHostFilter"),
    *("ServerGroupAffinityFilter", "ServerGroupAntiAffinityFilter"),
)

#: What there is to start servers from, the second made of the same bytes.
IMAGES = ("tempest:1", image.NAME)
#: Tests look for some lines on the console.
COMMAND = [*image.COMMAND[:-1], f"seq 20; {image.COMMAND[-1]}"]
FLAVORS = ("c1.tiny", "c1.small")


#: Project -> roles of each of its users. Two classes of tests run at a time,
#: each with what it asks for: one of another project, of which the first is
#: taken; one of an administrator, and some of a project that has them all.
ACCOUNTS = {
    **{f"other-{n}": (("member",),) for n in range(1, 5)},
    **{
        f"project-{n}": (("manager",), ("member",), ("reader",))
        for n in range(1, 7)
    },
    **{f"admin-{n}": (("admin",), ("admin", "service")) for n in range(1, 4)},
}


def accounts(url: str) -> list[dict[str, object]]:
    """Projects with their users, whose passwords are made anew."""
    keystone = Keystone(url)
    found: list[dict[str, object]] = []
    for project_name, users in ACCOUNTS.items():
        project_name = f"tempest-{project_name}"
        query = {"name": project_name, "domain_id": "default"}
        project = keystone.ensure("project", query)
        for roles in users:
            name, password = "-".join((project_name, *roles)), token_hex()
            query = {"name": name, "domain_id": "default"}
            user = keystone.ensure("user", query, password=password)
            # Keystone tells none, so that one of another run seems to fit
            keystone.api.patch(
                f"/users/{user}", json={"user": {"password": password}}
            )
            for role in roles:
                role_id = keystone.ensure("role", {"name": role})
                keystone.grant(project, user, role_id)
            found.append(
                {
                    "username": name,
                    "password": password,
                    "project_name": project_name,
                    "domain_name": "Default",
                    "roles": list(roles),
                    "types": ["admin"] if roles == ("admin",) else [],
                }
            )
    return found


def images(keystone: str, busybox: pathlib.Path) -> list[str]:
    """Ids of the images, which are there once archives have become such."""
    with tempfile.TemporaryFile() as archive:
        image.write_archive(busybox, archive, IMAGES[0], COMMAND)
        image.upload(keystone, archive, IMAGES[0])
    caas = cloud.api(keystone, "caas")
    for _ in range(300):
        found = {
            each["name"].rpartition("/")[2]: each["id"]
            for each in caas.get("/images").json()["images"]
        }
        if found.keys() >= set(IMAGES):
            return [found[name] for name in IMAGES]
        time.sleep(0.2)
    sys.exit(f"{IMAGES} do not become images of caas.")


def flavors(keystone: str, region: str) -> list[str]:
    compute = cloud.api(keystone, "compute")
    compute.region_name = region
    found = {
        each["name"]: each["id"]
        for each in compute.get("/flavors").json()["flavors"]
    }
    return [found[name] for name in FLAVORS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keystone", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--hosts", type=int, required=True)
    parser.add_argument("--busybox", type=pathlib.Path, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    args = parser.parse_args()
    image_ref, image_ref_alt = images(args.keystone, args.busybox)
    flavor_ref, flavor_ref_alt = flavors(args.keystone, args.region)
    conf = configparser.ConfigParser(interpolation=None)
    conf.read_dict(
        {
            "DEFAULT": {"log_file": args.folder / "tempest.log"},
            "oslo_concurrency": {"lock_path": args.folder / "locks"},
            "auth": {
                "use_dynamic_credentials": False,
                "test_accounts_file": args.folder / "accounts.yaml",
                # for what it sees to by itself
                "admin_username": "admin",
                "admin_project_name": "admin",
                "admin_domain_name": "Default",
                "admin_password": os.environ["ADMIN_PASSWORD"],
            },
            "identity": {
                "auth_version": "v3",
                "uri_v3": args.keystone,
                "region": args.region,
            },
            "image": {"region": args.region},
            "service_available": {
                "cinder": False,
                "glance": True,
                "horizon": False,
                "neutron": True,
                "nova": True,
                "swift": False,
            },
            "validation": {"run_validation": False},
            "compute": {
                "region": args.region,
                "image_ref": image_ref,
                "image_ref_alt": image_ref_alt,
                "flavor_ref": flavor_ref,
                "flavor_ref_alt": flavor_ref_alt,
                "min_compute_nodes": args.hosts,
                "min_microversion": "2.1",
                "max_microversion": "2.96",
                "build_interval": 1,
                "build_timeout": 60,
                "ready_wait": 0,
                "hypervisor_type": "docker",
            },
            "compute-feature-enabled": {
                **dict.fromkeys(LACKING, False),
                "scheduler_enabled_filters": ",".join(FILTERS),
                **dict.fromkeys(THERE, True),
            },
        }
    )
    os.umask(0o077)
    (args.folder / "accounts.yaml").write_text(
        yaml.safe_dump(accounts(args.keystone))
    )
    (args.folder / "etc").mkdir(exist_ok=True)
    with (args.folder / "etc" / "tempest.conf").open("w") as file:
        conf.write(file)


if __name__ == "__main__":
    main()
