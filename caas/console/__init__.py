"""Proxies between users and the agents of hosts, with event loops.

``server`` is ``caas-console``, for websockets of clients of caas; ``ssh`` is
``caas-ssh``.  Both serve sessions (``caas.core.sessions``) in the same way.
"""
