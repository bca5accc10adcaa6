from typing import Any

import pytest

from caas.model import lint
from caas.model.image_policies import (
    RULES,
    Both,
    Facts,
    Level,
    Policy,
    limits,
    names,
    sources,
)

STRICT = Both(Policy(rules=dict.fromkeys(RULES, Level.WARN)))
GOOD = {"User": "app", "Healthcheck": {"Test": ["CMD", "true"]}}


def facts(**more: Any) -> Facts:
    config = {**GOOD, **more.pop("config", {})}
    whole = {"config": config, "history": more.pop("history", [])}
    values = {"repository": "shop/web", "tag": "1", "layers": (1 << 20,)}
    values |= {"config": whole, "annotations": {}} | more
    return Facts(**values)


def broken(**more: Any) -> list[str]:
    return [each.rule for each in lint.look(facts(**more), STRICT)]


def test_good() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("env", "rules"),
    [
        ("DB_PASSWORD=hunter2", ["secrets"]),
        ("dbPassword=hunter2", ["secrets"]),
        ("MYPASSWD=x", ["secrets"]),
        ("AWS_SECRET_ACCESS_KEY=x", ["secrets"]),
        ("API_KEY=x", ["secrets"]),
        ("X=-----BEGIN RSA PRIVATE KEY-----", ["secrets"]),
        ("X=AKIA0123456789ABCDEF", ["secrets"]),
        ("DB_PASSWORD=", []),
        ("DB_PASSWORD=$OTHER", []),
        ("DB_PASSWORD_FILE=secrets/db", []),
        ("GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D", []),
        ("TOKENIZERS_PARALLELISM=1", []),
        ("PWD=x", []),
        ('A="b"', ["env_quotes"]),
        ("A='b", ["env_quotes"]),
        ('A={"b": 1}', []),
        ("A", []),
    ],
)
def test_environment(env: str, rules: list[str]) -> None:
    assert broken(config={"Env": [env]}) == rules


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("ARG TOKEN=abc", ["secrets"]),
        ("/bin/sh -c #(nop)  ARG TOKEN=abc", ["secrets"]),
        ("RUN |1 TOKEN=abc /bin/sh -c make # buildkit", ["secrets"]),
        ("|1 TOKEN=abc /bin/sh -c make", ["secrets"]),
        ("ENV X=1 PASSWORD='a b'", ["secrets"]),
        ("ARG TOKEN", []),
        ("RUN make PASSWORD=$P", []),
        ("ADD https://example.org/x /x # buildkit", ["add_url"]),
        ("ADD --chown=1 http://example.org/x /x", ["add_url"]),
        ("ADD file:1 in /", []),
    ],
)
def test_history(line: str, rules: list[str]) -> None:
    assert broken(history=[{"created_by": line}]) == rules


@pytest.mark.parametrize(
    ("config", "rules"),
    [
        ({"User": ""}, ["root_user"]),
        ({"User": "0:0"}, ["root_user"]),
        ({"User": "root"}, ["root_user"]),
        ({"User": "1000"}, []),
        ({"Cmd": ["/usr/bin/supervisord", "-n"]}, ["many_processes"]),
        ({"Entrypoint": ["/sbin/init"]}, ["many_processes"]),
        ({"Cmd": ["sh", "-c", "a & b"]}, ["many_processes"]),
        ({"Cmd": ["sh", "-c", "a && b 2>&1"]}, []),
        ({"Healthcheck": {"Test": ["NONE"]}}, ["no_healthcheck"]),
        (
            {"Labels": {"org.opencontainers.image.base.name": "h:5/a/b"}},
            ["latest_base"],
        ),
        ({"Labels": {"org.opencontainers.image.base.name": "a/b:1"}}, []),
    ],
)
def test_configuration(config: dict[str, Any], rules: list[str]) -> None:
    assert broken(config=config) == rules


def test_values_of_secrets_are_not_told() -> None:
    found = lint.look(
        facts(
            config={"Env": ["PASSWORD=hunter2"]},
            history=[{"created_by": "ARG TOKEN=hunter2"}],
        ),
        STRICT,
    )
    assert len(found) == 2
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("odd", [None, 5, "x", [5], {"a": 5}])
def test_anything_may_be_pushed(odd: Any) -> None:
    keys = ("Env", "Cmd", "Entrypoint", "Labels", "User", "Healthcheck")
    lint.look(facts(config=dict.fromkeys(keys, odd), history=odd), STRICT)
    lint.look(facts(config={}, history=[odd, {"created_by": odd}]), STRICT)


def test_whose_word_counts() -> None:
    def level(project: str = "", cloud: str = "") -> tuple[str, str]:
        def policy(said: str) -> Policy:
            return Policy(rules={"root_user": Level(said)} if said else {})

        return Both(policy(project), policy(cloud)).level("root_user")

    assert level() == ("warn", "")
    assert level("off", "refuse") == ("refuse", "cloud")
    assert level("off", "warn") == ("off", "project")
    assert level("refuse", "warn") == ("refuse", "project")
    assert level("", "off") == ("off", "cloud")


def test_limits() -> None:
    big = facts(layers=(2 << 20, 1 << 20, 1))
    policy = Policy(max_size_mb=3, max_layer_mb=1, max_layers=2)
    found = limits(big, Both(policy, Policy(max_layers=3)))
    assert {each.rule: each.message for each in found} == {
        "max_size_mb": "Its layers have 3.0 MiB; 3 MiB are the most.",
        "max_layer_mb": "Its largest layer has 2.0 MiB; 1 MiB are the most.",
        "max_layers": "It has 3 layers; 2 are the most.",
    }
    assert limits(facts(), Both(policy, policy)) == []


def test_sources() -> None:
    both = Both(Policy(sources=("shop/*", "golden/base")), Policy())
    assert sources("shop/group/web", both) == []
    assert sources("golden/base", both) == []
    [found] = sources("golden/other", both)
    assert "only those of shop/*, golden/base are." in found.message


def test_patterns_of_images() -> None:
    assert names("golden/*", "golden/a/b", "1")
    assert names("golden/base:1*", "golden/base", "1.5")
    assert not names("golden/base:1", "golden/base", "2")
    assert names("golden/base", "golden/base", "2")
    assert not names("golden/base@sha256:1", "golden/base", "2")


def test_policy_as_stored() -> None:
    policy = Policy(("a/b",), ("c/*",), 1, 2, 3, {"latest": Level.REFUSE})
    assert Policy.from_dict(policy.to_dict()) == policy
    assert Policy.from_dict({}) == Policy()
