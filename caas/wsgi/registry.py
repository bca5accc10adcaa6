"""``caas.wsgi.registry:application``: the registry API under a WSGI server.

The folder with ``caas.conf`` and ``api-paste.ini`` is named by the environment
variable ``CAAS_CONFIG_DIR``.
"""

import os

from caas.wsgi import pipeline

application = pipeline.init_application(
    os.environ.get("CAAS_CONFIG_DIR", "/etc/caas"), "registry"
)
