# caas-registry under gunicorn, which takes bodies of unknown length and speaks
# TLS itself:
#
#   CAAS_CONFIG_DIR=/etc/caas gunicorn --config FILE --bind 0.0.0.0:9523 \
#       --certfile FILE --keyfile FILE
#
# Engines take no registry without TLS, but on 127.0.0.0/8, and even there
# they try it first.  Behind a proxy that speaks TLS leave the certificate out,
# bind 127.0.0.1 only, and set [oslo_middleware] enable_proxy_headers_parsing.
wsgi_app = "caas.wsgi.registry:application"
worker_class = "gthread"
workers = 2
# One for each layer on its way; most of the time it waits.
threads = 32
# Clients ask several times in a row.
keepalive = 75
# How long layers on their way may go on when it is told to end (s).
graceful_timeout = 10
# caas logs what matters itself.
accesslog = None
errorlog = "-"
loglevel = "warning"
