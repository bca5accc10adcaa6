"""The APIs of the stack, as its administrator."""

import os

from keystoneauth1 import adapter, session
from keystoneauth1.identity import v3


def api(keystone: str, service_type: str) -> adapter.Adapter:
    """The password comes by the environment."""
    return adapter.Adapter(
        session=session.Session(
            auth=v3.Password(
                keystone,
                username="admin",
                password=os.environ["ADMIN_PASSWORD"],
                user_domain_id="default",
                project_name="admin",
                project_domain_id="default",
            )
        ),
        service_type=service_type,
        interface="public",
    )
