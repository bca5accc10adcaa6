"""Print pip's settings as shell exports for uv, which does not read them.

They come from wherever pip takes them: its files and its environment. What
the environment tells uv itself is left alone.
"""

import ast
import os
import shlex
import subprocess
import sys

NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


def pip_settings() -> dict[str, str]:
    """pip's settings by name; the environment wins over its files."""
    lines = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in ("global", "install", ":env:"):
            found.setdefault(section, {})[option] = ast.literal_eval(value)
    return {
        option: value
        for section in ("global", "install", ":env:")
        for option, value in found.get(section, {}).items()
    }


def main() -> None:
    for option, value in pip_settings().items():
        if option in NAMES and NAMES[option] not in os.environ:
            separator = "," if option == "find-links" else " "
            words = separator.join(value.split())
            sys.stdout.write(f"export {NAMES[option]}={shlex.quote(words)}\n")
    # pip takes the best version of all indexes; uv the first index that
    # knows the name.
    sys.stdout.write("export UV_INDEX_STRATEGY=unsafe-best-match\n")
    # pip trusts whom the system trusts; uv its own list.
    sys.stdout.write("export UV_SYSTEM_CERTS=true\n")


if __name__ == "__main__":
    main()
