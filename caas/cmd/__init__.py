"""Entry points of commands.

The backend is chosen before anything else of oslo is imported:
oslo.messaging would pin eventlet otherwise.
"""

import sys

# Installed with oslo.service; futurist imports it whenever it can, which
# costs every process 20 MB and a second, and nothing here may use it.
sys.modules.setdefault("eventlet", None)  # type: ignore[arg-type]

from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.THREADING)
