"""Register services, projects and users in Keystone; repeatable.

Passwords come by the environment, URLs as arguments.
"""

import argparse
import itertools
import os
from typing import Any

import cloud

REGION = "RegionOne"
#: Where compute is ours: what drives VMs drives sets there.
SETS = f"{REGION}-caas"

#: User -> (project, roles there).
USERS = {
    "glance": ("service", ("service",)),
    # Streams any project's images to the hosts that run them.
    "caas": ("service", ("service", "admin")),
    # Sees on behalf of caas-ssh who has which role; see SYSTEM.
    "caas-ssh": ("service", ()),
    # Does for users what their stacks say, by trusts.
    "heat": ("service", ("service",)),
    "demo": ("demo", ("member",)),
    "viewer": ("demo", ("reader",)),
}

#: User -> role on the system.
SYSTEM = {"caas-ssh": "reader"}

PROJECTS = {
    "service": "Users of the services",
    "demo": "Sets of the quickstart",
}


class Keystone:
    """The identity API, by what should be there."""

    def __init__(self, url: str) -> None:
        self.api = cloud.api(url, "identity")

    def ensure(self, noun: str, query: dict[str, str], **body: Any) -> str:
        """Make or update the one object the query finds; return its id."""
        url = f"/{noun}s"
        found = self.api.get(url, params=query).json()[f"{noun}s"]
        if found:
            there = found[0]
            if any(there.get(key, body[key]) != body[key] for key in body):
                self.api.patch(f"{url}/{there['id']}", json={noun: body})
            there_id: str = there["id"]
            return there_id
        made = self.api.post(url, json={noun: {**query, **body}}).json()
        made_id: str = made[noun]["id"]
        return made_id

    def ensure_region(self, name: str) -> None:
        self.api.put(f"/regions/{name}", json={"region": {}}, raise_exc=False)

    def grant(self, project: str, user: str, role: str) -> None:
        self.api.put(f"/projects/{project}/users/{user}/roles/{role}")

    def grant_system(self, user: str, role: str) -> None:
        self.api.put(f"/system/users/{user}/roles/{role}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keystone", required=True)
    parser.add_argument("--glance", required=True)
    parser.add_argument("--caas", required=True)
    parser.add_argument("--swift", default="")
    parser.add_argument("--heat", default="")
    args = parser.parse_args()

    keystone = Keystone(args.keystone)
    keystone.ensure_region(SETS)
    for service_type, name, url, regions in (
        ("identity", "keystone", args.keystone, (SETS,)),
        ("image", "glance", args.glance, (REGION, SETS)),
        ("caas", "caas", args.caas, (REGION, SETS)),
        ("orchestration", "heat", args.heat, (REGION, SETS)),
        ("object-store", "swift", args.swift, (REGION,)),
        (
            "compute",
            # Libcloud looks for this name.
            "nova",
            args.caas.removesuffix("/v1") + "/compute/v2.1",
            (SETS,),
        ),
    ):
        if not url:
            continue
        service = keystone.ensure(
            "service", {"type": service_type, "name": name}
        )
        for region, interface in itertools.product(
            regions, ("public", "internal", "admin")
        ):
            keystone.ensure(
                "endpoint",
                {
                    "service_id": service,
                    "interface": interface,
                    "region_id": region,
                },
                url=url,
            )
    in_default = {"domain_id": "default"}
    projects = {
        name: keystone.ensure(
            "project", {"name": name, **in_default}, description=description
        )
        for name, description in PROJECTS.items()
    }
    roles = {}
    for user, (project, names) in USERS.items():
        user_id = keystone.ensure(
            "user",
            {"name": user, **in_default},
            password=os.environ[f"{user.upper().replace('-', '_')}_PASSWORD"],
            default_project_id=projects[project],
        )
        for name in names:
            if name not in roles:
                roles[name] = keystone.ensure("role", {"name": name})
            keystone.grant(projects[project], user_id, roles[name])
        if user in SYSTEM:
            role = keystone.ensure("role", {"name": SYSTEM[user]})
            keystone.grant_system(user_id, role)


if __name__ == "__main__":
    main()
