"""What users hand into sets: asked for once, and kept on this host.

It may be large and it may be secret, so that it is neither in the list of the
host nor in its books, but in a file of its own that only the agent reads.
"""

import json
import logging
import os
import pathlib
from collections.abc import Callable
from typing import Any

from caas import exception
from caas.model.inputs import Inputs

LOG = logging.getLogger(__name__)

#: Asks a conductor: by id of the set; None if it is not of this host.
Fetch = Callable[[str], dict[str, Any] | None]


class InputsError(Exception):
    """It cannot be had now."""


class Handed:
    """:param folder: made if it is not there."""

    def __init__(self, folder: pathlib.Path, fetch: Fetch) -> None:
        self._folder = folder
        self._fetch = fetch
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def kept(self, set_id: str, digest: str) -> Inputs | None:
        """What is here already; None if that is something else."""
        if not digest:
            return Inputs()
        try:
            text = self._path(set_id).read_text()
            found = Inputs.from_dict(json.loads(text))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            LOG.error("What was handed into %s is lost: %s", set_id, error)
            return None
        return found if found.digest == digest else None

    def get(self, set_id: str, digest: str) -> Inputs:
        """:param digest: of what is wanted.

        :raises InputsError: no conductor has it now.
        """
        found = self.kept(set_id, digest)
        if found is not None:
            return found
        try:
            answer = self._fetch(set_id)
        except exception.Unavailable as error:
            raise InputsError(
                f"what was handed into the set is not here yet: {error}"
            ) from error
        found = Inputs.from_dict(answer or {})
        if found.digest != digest:
            # the list with the new one is on its way
            raise InputsError("what was handed into the set changes just now")
        self._keep(set_id, found)
        return found

    def _keep(self, set_id: str, inputs: Inputs) -> None:
        path = self._path(set_id)
        new = path.with_suffix(".new")
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(new, flags, 0o600), "w") as file:
                json.dump(inputs.to_dict(), file)
            new.replace(path)
        except OSError as error:
            raise InputsError(
                "what was handed into the set cannot be kept: "
                f"{error.strerror}"
            ) from error

    def forget(self, set_id: str) -> None:
        self._path(set_id).unlink(missing_ok=True)

    def _path(self, set_id: str) -> pathlib.Path:
        return self._folder / f"{set_id}.json"
