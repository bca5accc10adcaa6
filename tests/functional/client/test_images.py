"""``openstack caas image``, ``namespace`` and ``image retention``."""

import pytest
from openstack import exceptions

from tests.functional.client.cloud import PROJECTS
from tests.functional.images import registry

BASE = registry.layer(base="0" * 3000)
WEB = registry.layer(web="1")
CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "created": "2026-11-20T12:00:00.5Z",
    "author": "Ann",
    "config": {"Cmd": ["httpd", "-f x"], "Env": ["A=b"], "Labels": {"t": "1"}},
}


def image(*layers: bytes, **history: bool) -> registry.Image:
    """:param history: lines, and whether each made a layer."""
    plain = registry.image(*layers)
    lines = [
        {"created_by": line, "empty_layer": not made}
        for line, made in history.items()
    ]
    rootfs = registry.json.loads(plain.blobs[0])["rootfs"]
    config = {**CONFIG, "rootfs": rootfs, "history": lines}
    return registry.image(*layers, config=config)


@pytest.fixture
def pushed(cloud):
    """base:1 < web:1"""
    base = image(BASE, ADD=True)
    web = image(BASE, WEB, ADD=True, ENV=False, RUN=True)
    cloud.push(base, "demo/base:1")
    cloud.push(web, "demo/web:1")
    cloud.push(web, "demo/web:latest")
    return web


def names(listed) -> list[str]:
    return [each["Name"] for each in listed.json]


def test_list_and_show(caas, refused, pushed):
    listed = caas("image", "list", "--sort", "name", "-f", "json")
    assert names(listed) == ["demo/base:1", "demo/web:1", "demo/web:latest"]
    assert [each["Layers"] for each in listed.json] == [1, 2, 2]
    found = caas("image", "list", "demo/w", "--tag", "1", "--long").out
    assert "demo/web:1" in found
    assert "base" not in found
    assert "linux/amd64" in found
    shown = caas("image", "show", "demo/web", "-f", "json").json
    assert shown["name"] == "demo/web:latest"
    assert shown["digest"] == pushed.digest
    assert shown["config"]["command"] == ["httpd", "-f x"]
    assert shown["layers"][1]["digest"] == registry.digest(WEB)
    for ident in (shown["id"], f"demo/web@{shown['digest']}"):
        if "@" in ident:
            assert "2 images have this digest" in refused(
                *("image", "show", ident)
            )
        else:
            assert caas("image", "show", ident, "-f", "json").json == shown
    table = caas("image", "show", "demo/web:1").out
    assert "command: httpd '-f x'" in table
    assert "labels: t=1" in table
    assert "2026-11-20T12:00:00.5Z" in table
    said = refused("image", "show", "demo/none")
    assert "There is no image 'demo/none:latest'" in said
    assert "has nothing for this platform" in refused(
        *("image", "show", "demo/web", "--platform", "linux/arm64")
    )


def test_history_and_tree(caas, pushed):
    steps = caas("image", "history", "demo/web", "-f", "json").json
    assert [s["Instruction"] for s in steps] == ["ADD", "ENV", "RUN"]
    assert [s["Size"] for s in steps] == [len(BASE), None, len(WEB)]
    tree = caas("image", "tree", "demo/base:1", "-f", "json").json
    assert [(t["Image"], t["Relation"]) for t in tree] == [
        ("demo/base:1", ""),
        ("  demo/web:1", "child"),
        ("  demo/web:latest", "child"),
    ]
    tree = caas("image", "tree", "demo/web:1", "-f", "json").json
    assert [(t["Image"], t["Relation"]) for t in tree] == [
        ("demo/base:1", "parent"),
        ("  demo/web:1", ""),
        ("  demo/web:latest", "same layers"),
    ]
    some = caas("image", "tree", "demo/base:1", "--limit", "1")
    assert some.err == "More than 1 images stand on it.\n"


def test_space_and_usage(caas, pushed):
    space = caas("image", "space", "--by", "repository", "-f", "json")
    assert "in all, of which 0 B are in the recycle bin only." in space.err
    found = {each["Repository"]: each for each in space.json}
    assert found["demo/web"]["Images"] == 2
    assert found["demo/web"]["Alone"] == len(WEB) + len(pushed.blobs[0])
    assert found["demo/web"]["Size"] - found["demo/web"]["Alone"] == len(BASE)
    one = ("--by", "image", "--repository", "base", "--limit", "1")
    [row] = caas("image", "space", *one, "-f", "json").json
    assert row["Image"] == "demo/base:1"
    used = caas("image", "usage", "demo/web:1", "-f", "json")
    assert used.json == []
    everything = ("--project", "demo", "-f", "json")
    assert caas("image", "space", *everything, user="admin").json


def test_names(caas, refused, pushed):
    made = caas("image", "tag", "demo/web", "demo/web:v1", "-f", "json").json
    assert (made["name"], made["digest"]) == ("demo/web:v1", pushed.digest)
    caas("image", "untag", "demo/web:latest", "demo/web:1")
    listed = caas("image", "list", "--repository", "web", "-f", "json")
    assert names(listed) == ["demo/web:v1"]
    for wrong in (made["id"], "demo/web", f"demo/web@{pushed.digest}", "a:1"):
        said = refused("image", "untag", wrong)
        assert "is not NAMESPACE/REPOSITORY:TAG" in said
    binned = caas("image", "list", "--deleted", "-f", "json")
    assert sorted(names(binned)) == ["demo/web:1", "demo/web:latest"]
    back = caas("image", "restore", "demo/web:1", "-f", "json").json
    assert back["deleted_at"] is None
    caas("image", "delete", "demo/web:1", back["id"])
    said = refused("image", "restore", "demo/web:9")
    assert said == "There is no image 'demo/web:9' in the recycle bin."
    assert "2 of 2 images could not be deleted." in refused(
        *("image", "delete", "demo/none:1", "demo/none:2")
    )
    other = caas("image", "restore", back["id"], "--tag", "old", "-f", "json")
    assert other.json["name"] == "demo/web:old"
    assert "caas:images:delete:purge" in refused(
        *("image", "delete", "--purge", "demo/web:old")
    )
    caas("image", "delete", "--purge", "demo/web:old", user="admin")


def test_namespaces(caas, refused):
    made = caas(
        *("namespace", "create", "shop", "--description", "All", "-f", "json")
    ).json
    assert made["project_id"] == PROJECTS["demo"]
    assert caas("namespace", "show", "shop", "-f", "json").json == made
    assert "is taken" in refused("namespace", "create", "shop", user="other")
    assert "--private" in refused("namespace", "set", "shop")
    add = ("namespace", "member", "add", "shop", "elsewhere")
    assert "caas:namespaces:share" in refused(*add)
    caas(*add, "--role", "push", user="admin")
    members = caas("namespace", "member", "list", "shop", "-f", "json")
    assert members.json == [
        {"Project ID": PROJECTS["elsewhere"], "Role": "push"}
    ]
    assert names(caas("namespace", "list", "-f", "json", user="other")) == [
        "shop"
    ]
    mine = ("namespace", "list", "--mine", "-f", "json")
    assert names(caas(*mine)) == ["shop"]
    assert names(caas(*mine, user="other")) == []
    caas(*("namespace", "member", "remove", "shop", "elsewhere"), user="admin")
    changed = caas(
        *("namespace", "set", "shop", "--public", "--description", "x"),
        *("-f", "json"),
        user="admin",
    ).json
    assert (changed["public"], changed["description"]) == (True, "x")
    caas("namespace", "set", "shop", "--private", user="admin")
    caas("namespace", "delete", "shop")
    assert "There is no namespace 'shop'" in refused(
        *("namespace", "delete", "shop")
    )


def test_retention(caas, refused, pushed):
    base = ("image", "retention")
    rules = ("--rule", "repository=web,keep-last=1,keep-tag=v*,keep-tag=x")
    tried = caas(*base, "preview", "demo", *rules, "-f", "json")
    assert tried.err == "0 B would be free in the end.\n"
    assert [each["Name"] for each in tried.json] == ["demo/web:1"]
    assert tried.json[0]["Reason"] == "Rule 1: not among the 1 newest."
    assert caas(*base, "preview", "demo", "-f", "json").json == []
    protect = ("--protect", "base:*")
    assert "caas:retentions:update" in refused(*base, "set", "demo", *rules)
    caas(*base, "set", "demo", *rules, *protect, user="admin")
    shown = caas(*base, "show", "demo")
    assert (
        "repository=web,tag=*,keep-last=1,keep-tag=v*,keep-tag=x" in shown.out
    )
    found = caas(*base, "show", "demo", "-f", "json").json
    assert found["protect"] == ["base:*"]
    assert names(caas(*base, "preview", "demo", "-f", "json")) == [
        "demo/web:1"
    ]
    assert "needs keep_last or older_than_days" in refused(
        *(*base, "set", "demo", "--rule", "tag=a"), user="admin"
    )
    caas(*base, "set", "demo", user="admin")
    assert caas(*base, "show", "demo", "-f", "json").json["rules"] == []


def test_sdk(connect, pushed):
    conn = connect()
    [web, base] = [
        next(conn.images(repository=name)) for name in ("web", "base")
    ]
    assert conn.get_image(web).config["env"] == ["A=b"]
    assert conn.get_image("demo/web").name == "demo/web:latest"
    assert len(conn.image_history(web)) == 3
    assert conn.image_tree(base)["children"][0]["parent_id"] == base.id
    assert list(conn.image_usage(web)) == []
    assert conn.image_space("image", limit=1)["parts"][0]["images"] == 1
    tagged = conn.tag_image(web, "demo/web:sdk")
    conn.delete_image(tagged)
    conn.delete_image("demo/none")
    with pytest.raises(exceptions.NotFoundException):
        conn.delete_image("demo/none", ignore_missing=False)
    assert [each.id for each in conn.images(deleted=True)] == [tagged.id]
    assert conn.restore_image(tagged.id).name == "demo/web:sdk"
    admin = connect("admin")
    admin.delete_image("demo/web:sdk", purge=True)
    namespace = admin.create_namespace(name="sdk", public=True)
    admin.add_namespace_member(namespace, PROJECTS["elsewhere"], "pull")
    assert len(admin.namespace_members("sdk")) == 1
    admin.remove_namespace_member("sdk", PROJECTS["elsewhere"])
    assert admin.update_namespace(namespace, public=False).public is False
    assert {each.name for each in admin.namespaces()} == {"demo", "sdk"}
    admin.update_retention("sdk", [{"keep_last": 3}], ["*:v*"])
    assert admin.get_retention("sdk").protect == ["*:v*"]
    assert admin.preview_retention("sdk") == {"images": [], "frees": 0}
    admin.delete_namespace("sdk", ignore_missing=False)
    admin.delete_namespace("sdk")
