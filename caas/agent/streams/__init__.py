"""Streams: what users see and do inside the containers of this host.

One thread with an event loop serves them all (``server``), each verb in a
module of its own.  Nothing here decides who may: a proxy has done so.
"""
