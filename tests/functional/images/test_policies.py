"""Image policies where images come in, and where sets are made of them."""

from typing import Any

import pytest

from caas import exception
from caas.core import image_policies, images, manifests, namespaces, tagging
from caas.model.image_policies import CLOUD, Level, Policy
from caas.model.images import Name, Role
from caas.store import images as images_store
from caas.store import tables
from tests.functional.images.registry import (
    APP,
    Image,
    Registry,
    ctx,
    image,
    index,
    layer,
)

BASE = layer(base="x")
TOP = layer(top="y")


def demand(fake: Registry, project: str = "p1", **policy: Any) -> None:
    image_policies.put(fake.deps, ctx(), project, Policy.from_dict(policy))


def share(fake: Registry, name: str, project: str) -> None:
    """Let a project pull from the namespace of another."""
    found = namespaces.access(fake.deps, ctx(name), name).namespace
    assert found is not None
    namespaces.add_member(fake.deps, ctx(name), found, project, Role.PULL)


def resolve(fake: Registry, ref: str, who: Any = None) -> Any:
    return images.resolve(fake.deps, who or ctx(), [ref])[ref]


def refused(fake: Registry, what: Image, why: str, **how: Any) -> None:
    before = fake.rows(tables.manifests), fake.rows(tables.tags)
    with pytest.raises(exception.Forbidden, match=why):
        fake.push(what, **how)
    after = fake.rows(tables.manifests), fake.rows(tables.tags)
    assert after == before


def test_base(fake: Registry) -> None:
    golden = Name("p2", "base")
    fake.push(image(BASE), "1", golden, ctx("p2"))
    demand(fake, bases=["p2/base:1*"])
    # as long as the project may not pull it, it is as if it were not there
    refused(fake, image(BASE, TOP), "built on one of these images: p2/base:1")
    share(fake, "p2", "p1")
    fake.push(image(BASE, TOP))
    refused(fake, image(TOP, BASE), "policy of the project")
    refused(fake, image(TOP), "policy of the project", reference="2")
    found = fake.push(image(BASE), "1", golden, ctx("p2"))
    demand(fake, bases=[f"p2/base@{found.digest}"])
    fake.push(image(BASE, TOP), "2")
    refused(fake, image(TOP), "policy of the project", reference="3")


def test_base_of_the_cloud(fake: Registry) -> None:
    demand(fake, CLOUD, bases=["p2/base"])
    refused(fake, image(BASE), "policy of the cloud")
    # what is a base needs none
    fake.push(image(BASE), "1", Name("p2", "base"), ctx("p2"))
    fake.push(image(BASE, TOP))
    assert resolve(fake, "p1/app:1")
    # a base that was taken back
    manifests.delete(fake.deps, ctx("p2"), Name("p2", "base"), "1")
    with pytest.raises(exception.Forbidden, match="refused for sets"):
        resolve(fake, "p1/app:1")


def test_limits_and_rules(fake: Registry) -> None:
    demand(fake, max_layers=1)
    refused(fake, image(BASE, TOP), "It has 2 layers; 1 are the most")
    demand(fake, rules={"root_user": "refuse"})
    refused(fake, image(BASE), "It runs as root")
    # not of another project
    fake.push(image(BASE), "1", Name("p2", "app"), ctx("p2"))
    demand(fake)
    fake.push(image(BASE))


def test_latest(fake: Registry) -> None:
    first = fake.push(image(BASE), "latest")
    demand(fake, rules={"latest": "refuse"})
    refused(fake, image(TOP), "tag 'latest'", reference="latest")
    fake.push(image(TOP), "1")
    with fake.store.reader() as conn:
        [pushed] = images_store.find(conn, "p1/app:1")
    for name in ("p1/app:latest", "p1/other:latest"):
        with pytest.raises(exception.Forbidden, match="tag 'latest'"):
            tagging.tag(fake.deps, ctx(), pushed, name)
    tagging.tag(fake.deps, ctx(), pushed, "p1/app:2")
    # of what came before
    for ref in ("app", "p1/app:latest"):
        with pytest.raises(exception.Forbidden, match="tag 'latest'"):
            resolve(fake, ref)
    assert resolve(fake, f"p1/app@{first.digest}")
    assert resolve(fake, "p1/app:2")


def test_index(fake: Registry) -> None:
    demand(fake, rules={"latest": "refuse"})
    part = image(BASE, TOP)
    found = fake.push(part, part.digest)
    with pytest.raises(exception.Forbidden, match="tag 'latest'"):
        fake.put(index(part), "latest")
    fake.put(index(part), "1")
    demand(fake, max_layers=1)
    for ref in ("p1/app:1", found.digest):
        with pytest.raises(exception.Forbidden, match="It has 2 layers"):
            resolve(fake, ref)


def test_what_no_set_can_be_made_of_is_let_in(fake: Registry) -> None:
    """Signatures look like images, too."""
    demand(fake, bases=["p2/base"], max_layers=1)
    odd = image(BASE, config={"os": "", "architecture": ""})
    fake.push(odd, "sha256-1.sig")


def test_sources(fake: Registry) -> None:
    fake.push(image(BASE))
    demand(fake, sources=["p1/golden", "p2/*"])
    with pytest.raises(exception.Forbidden, match="only those of p1/golden"):
        resolve(fake, "p1/app:1")
    fake.push(image(BASE), "1", Name("p1", "golden"))
    assert resolve(fake, "p1/golden:1")


def test_sets_of_other_projects_obey_theirs(fake: Registry) -> None:
    fake.push(image(BASE))
    share(fake, "p1", "p2")
    demand(fake, "p2", rules={"root_user": "refuse"})
    assert resolve(fake, "p1/app:1")
    with pytest.raises(exception.Forbidden, match="It runs as root"):
        resolve(fake, "p1/app:1", ctx("p2"))


def test_warnings(fake: Registry) -> None:
    told: list[str] = []
    what = image(BASE)
    fake.push(what)
    manifests.put(fake.deps, ctx(), APP, "2", "", what.manifest, told.append)
    assert told == ["It runs as root; name another user with USER."]
    pushes = [
        row.details
        for row in fake.rows(tables.events)
        if row.action == "image.push"
    ]
    assert [each["warnings"] for each in pushes] == [told, told]
    demand(fake, rules={"root_user": "off"})
    told.clear()
    manifests.put(fake.deps, ctx(), APP, "3", "", what.manifest, told.append)
    assert told == []


def test_check(fake: Registry) -> None:
    fake.push(image(BASE))
    tried = Policy(rules={"root_user": Level.REFUSE})
    both = image_policies.both(fake.deps, "p1", tried)
    found = images.check(fake.deps, ctx(), "app:1", "p1", both)
    assert found.name == "p1/app:1"
    [finding] = found.findings
    assert (finding.rule, finding.level, finding.by) == (
        "root_user",
        Level.REFUSE,
        "project",
    )
    assert image_policies.get(fake.deps, "p1") == (Policy(), None)
