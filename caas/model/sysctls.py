"""Kernel parameters a set may have of its own.

Only what belongs to the network and IPC namespaces of a set; everything else
would change the host.  The list is that of the namespaced ones in the kernel's
Documentation/admin-guide/sysctl, and what Docker lets a container set.
"""

import re

_ALLOWED = re.compile(
    r"net\.core\.somaxconn"
    # of the whole host though they are found in each namespace
    r"|net\.ipv4\.(?!(?:tcp|udp)_mem\Z)[a-z0-9_]+"
    r"|net\.ipv4\.(?:conf|neigh)\.(?:all|default|eth0)\.[a-z0-9_]+"
    r"|kernel\.(?:shm(?:all|max|mni|_rmid_forced)|sem|msg(?:max|mnb|mni))"
    r"|fs\.mqueue\.(?:msg_default|msg_max|msgsize_default|msgsize_max"
    r"|queues_max)"
)

_VALUE = re.compile(r"[A-Za-z0-9_.,-]+(?:[ \t]+[A-Za-z0-9_.,-]+)*")


def allowed(key: str) -> bool:
    return _ALLOWED.fullmatch(key) is not None


def valid(value: str) -> bool:
    return len(value) <= 255 and _VALUE.fullmatch(value) is not None
