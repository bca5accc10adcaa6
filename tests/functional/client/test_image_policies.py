def demands(done):
    return {row["Demand"]: row["Value"] for row in done.json}


def test_of_a_project(caas, refused, connect):
    show = ("image", "policy", "show", "-f", "json")
    nothing = demands(caas(*show))
    assert set(nothing.values()) == {""}
    made = caas(
        *("image", "policy", "set", "--base", "golden/*", "--max-size", "500"),
        *("--rule", "latest=refuse", "--rule", "root_user=off"),
        *("-f", "json"),
        user="admin",
    )
    assert demands(made) == {
        **nothing,
        "bases": "golden/*",
        "max_size_mb": "500",
        "rules": "latest=refuse, root_user=off",
    }
    # what is not named stays
    changed = caas(
        *("image", "policy", "set", "--source", "shop/*", "--source", "a/b"),
        *("--rule", "root_user=warn", "-f", "json"),
        user="admin",
    )
    expected = {
        **demands(made),
        "sources": "shop/*, a/b",
        "rules": "latest=refuse, root_user=warn",
    }
    assert demands(changed) == expected == demands(caas(*show))
    caas(
        *("image", "policy", "unset", "--bases", "--max-size"),
        *("--rule", "latest"),
        user="admin",
    )
    expected |= {"bases": "", "max_size_mb": "", "rules": "root_user=warn"}
    assert demands(caas(*show)) == expected
    why = refused("image", "policy", "set", "--max-layers", "5")
    assert "caas:image_policies:update" in why
    assert connect().get_image_policy().sources == ["shop/*", "a/b"]
    caas("image", "policy", "unset", user="admin")
    assert demands(caas(*show)) == nothing


def test_of_the_cloud(caas, refused):
    caas(
        "image", "policy", "set", "--cloud", "--max-layers", "9", user="admin"
    )
    shown = caas("image", "policy", "show", "-f", "json").json
    assert {row["Demand"]: row["Of the cloud"] for row in shown}[
        "max_layers"
    ] == "9"
    why = refused("image", "policy", "show", "--cloud")
    assert why == "There is no such project whose image policy you may see."


def test_mistakes(refused):
    why = refused("image", "policy", "set")
    assert why.startswith("Give at least one of --base, --source, --key")
