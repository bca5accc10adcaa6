"""Where others reach this host."""

import socket


def own() -> str:
    """The address of this host towards the rest of the world.

    Nothing is sent; the kernel is asked which address it would send from.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            # any address that is not on this host (RFC 5737, TEST-NET-1)
            asking.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(asking.getsockname()[0])
