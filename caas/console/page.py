"""The page a browser opens: a terminal for one session.

It is whole in itself, with nothing from elsewhere.  Which session it is for is
in the fragment of its address, ``#ID:TOKEN``, which browsers send to nobody.
"""

import base64
import hashlib
import pathlib
import re
from collections.abc import Sequence

#: Where it is, below ``[console] url``.
PATH = "/terminal"

BODY = pathlib.Path(__file__).with_name("terminal.html").read_bytes()


def _hash(tag: str) -> str:
    """Of what stands within a tag, as a policy of content names it."""
    start, end = f"<{tag}>".encode(), f"</{tag}>".encode()
    found = re.search(start + b"(.*?)" + end, BODY, re.S)
    assert found is not None
    digest = hashlib.sha256(found[1]).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def headers(host: str, origins: Sequence[str]) -> dict[str, str]:
    """What a browser is told about it.

    :param host: as the browser named it, with the port.
    :param origins: of pages that may show it within them.
    """
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(BODY)),
        "Content-Security-Policy": "; ".join(
            [
                "default-src 'none'",
                f"script-src {_SCRIPT}",
                # colours of single characters are set by the script
                f"style-src {_STYLE}",
                f"connect-src 'self' ws://{host} wss://{host}",
                " ".join(["frame-ancestors 'self'", *origins]),
                "base-uri 'none'",
                "form-action 'none'",
            ]
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
    }


_SCRIPT, _STYLE = _hash("script"), _hash("style")
