"""Why a command of caas-host ends without having done its work."""

#: Exit codes, as those of ``docker exec``: the engine is at fault, the command
#: may not be run, the command is not there.
FAILED, ENGINE, REFUSED, ABSENT = 1, 125, 126, 127


class HostError(Exception):
    """:param message: a sentence for who ran the command."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
