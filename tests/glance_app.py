"""What uWSGI runs in :mod:`tests.glance_server`: Glance, with its tables.

``glance-manage db_sync`` would import all of Glance once more, which is most
of the time it takes; its migrations are Glance's own to test.
"""

# of devstack/lib
from glance.db.sqlalchemy import api, models, models_metadef
from glance_wsgi import application as application

models.register_models(api.get_engine())
models_metadef.register_models(api.get_engine())
