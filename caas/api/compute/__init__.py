"""The Nova-compatible API: sets as servers, for what drives VMs today.

It translates, and nothing more: what may be done when is decided in
:mod:`caas.core`, as for every other front end.
"""
