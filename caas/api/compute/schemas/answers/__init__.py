"""What answers look like, by microversion: ours, held against Nova's in tests.

Nobody is kept waiting by them: as with those of ``/v1``, an operator chooses
by ``[api] response_validation`` whether answers are checked.
"""

import functools

from caas.api.compute.schemas.answers import (
    around,
    operators,
    records,
    servers,
    users,
)
from caas.api.compute.schemas.answers.shapes import Make
from caas.api.schema import Schema

#: By method and path as routes are registered; an action's path ends with its
#: name.  Routes that only refuse have none (``Route.refuses``).
ANSWERS: dict[str, Make] = {
    **servers.ANSWERS,
    **users.ANSWERS,
    **operators.ANSWERS,
    **records.ANSWERS,
    **around.ANSWERS,
}


@functools.cache
def of(method: str, path: str, minor: int) -> Schema | None:
    """:param path: of the route, with braces.
    :param minor: of the microversion.
    :returns: None: it has no body.
    :raises KeyError: nobody has said.
    """
    definition = ANSWERS[f"{method} {path}"](minor)
    return None if definition is None else Schema(definition)


def problem(method: str, path: str, minor: int, body: object) -> str | None:
    """What is wrong with an answer, in a sentence; None if nothing."""
    if f"{method} {path}" not in ANSWERS:
        return None
    schema = of(method, path, minor)
    if schema is None:
        return None if body is None else "it has a body"
    return schema.error(body, "the answer")
