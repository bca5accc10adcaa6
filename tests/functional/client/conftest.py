import caasclient.sdk
import pytest
from oslo_config import cfg

from caas.policy import Policy
from caas.store import tables
from caas.store.engine import Store
from tests import conf as test_conf
from tests.functional.client.cloud import Cloud
from tests.openstack_cli import Done, openstack


@pytest.fixture
def cloud(tmp_path):
    store = Store(test_conf.database(f"sqlite:///{tmp_path}/caas.db"))
    tables.metadata.create_all(store.engine)
    conf = cfg.ConfigOpts()
    conf([], project="caas", default_config_files=[])
    cloud = Cloud(store, Policy(conf))
    yield cloud
    cloud.close()


@pytest.fixture
def caas(cloud, monkeypatch):
    """Run ``openstack caas *argv`` as ``user``; it must work."""

    def run(*argv: str, user: str = "member") -> Done:
        done = openstack("caas", *argv, env=cloud.env(user))
        assert done.code == 0, done.err
        return done

    return run


@pytest.fixture
def refused(cloud):
    """Run it, and return what it says when it fails."""

    def run(*argv: str, user: str = "member") -> str:
        done = openstack("caas", *argv, env=cloud.env(user))
        assert done.code == 1
        assert done.out == ""
        return done.err.strip()

    return run


@pytest.fixture
def small(caas):
    return caas(
        *("flavor", "create", "small", "--vcpus", "0.5", "--memory", "64"),
        *("--disk", "1", "-f", "json"),
        user="admin",
    ).json


@pytest.fixture
def connect(cloud):
    """``conn.caas`` of a user."""

    def connect(user: str = "member"):
        conn = caasclient.sdk.connect(
            load_yaml_config=False,
            load_envvars=False,
            auth_type="password",
            region_name="RegionOne",
            auth={
                "auth_url": f"{cloud.url}/identity/v3",
                "username": user,
                "password": "secret",
                "project_name": "demo",
                "user_domain_id": "default",
                "project_domain_id": "default",
            },
        )
        return conn.caas

    return connect
