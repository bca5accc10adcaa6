"""Entry points of WSGI servers.

The backend is chosen before anything else of oslo is imported:
oslo.messaging would pin eventlet otherwise.
"""

import warnings

# Libraries that could use eventlet import it where it is installed; its
# advice is for them, not for who runs this.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.THREADING)
