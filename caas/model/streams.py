"""What travels on a stream: from a client through a proxy to an agent.

A stream is one websocket for one verb about one container (or set).  A proxy
(``caas-console``, ``caas-ssh``, ``caas-api``) opens one to the agent, with the
subprotocol :data:`AGENT_PROTOCOL`, and sends an :class:`Ask` as its first
message.  The agent's first message is :data:`STARTED` or :data:`ERROR`.  From
then on messages pass through the proxy as they are:

* binary: a byte that names the channel (:class:`Channel`), then data, passed
  on unchanged;
* text: a JSON object with one key, the name of what is said::

    client to agent
      {"resize": {"width": 80, "height": 24}}
      {"signal": "INT"}                 (without SIG)
      {"eof": true}                     nothing more on STDIN

    agent to client
      {"started": {...}}                it has begun; what depends on the verb
      {"result": ...}                   the whole answer of a Look
      {"source": {"container": "web"}}  data after it are of this container
      {"notice": "..."}                 a sentence for the user; it goes on
      {"exit": {"exit_code": 0}}        the last message: it is over
      {"error": {"code": 409, "message": "..."}}   likewise, it failed

Then the agent closes the websocket with :data:`NORMAL`.
"""

import dataclasses
import enum
from typing import Any

from caas.model import spec

AGENT_PROTOCOL = "caas-agent-v1"
#: Of clients at ``caas-console``.
CLIENT_PROTOCOL = "caas-stream-v1"

#: Largest binary message (bytes); the sender cuts.
LARGEST = 1 << 16
#: Largest text message (bytes).
LARGEST_TEXT = 1 << 20

#: Codes of websocket closure (RFC 6455, section 7.4.1).
NORMAL, POLICY = 1000, 1008

STARTED = "started"
RESULT = "result"
SOURCE = "source"
NOTICE = "notice"
EXIT = "exit"
ERROR = "error"
RESIZE = "resize"
SIGNAL = "signal"
EOF = "eof"


class Channel(enum.IntEnum):
    STDIN = 0
    STDOUT = 1
    STDERR = 2


class Verb(enum.StrEnum):
    """What a stream does, and what ``started`` says of it.

    * ``exec``: run a command; ``arguments``: ``command`` (list), ``tty``,
      ``stdin`` (bool), ``user``, ``working_dir``, ``env`` (dict), ``width``,
      ``height``.  ``started``: ``tty`` and ``stdin`` as they are.
    * ``attach``: to the first process; ``stdin``, ``width``, ``height``.
      ``started``: likewise; without ``stdin`` where the container was made
      without.
    * ``logs``: of one container or, without one, of the whole set;
      ``follow``, ``since``, ``until`` (ISO 8601, UTC), ``tail`` (lines, None
      for all), ``timestamps``.
    * ``download``: ``path``; a tar archive comes on STDOUT.  ``started``:
      ``name``, ``kind`` (``file``, ``folder``, ``link`` or ``other``),
      ``size`` (bytes), ``mode``, ``mtime``, ``link_target``.  The first name
      in the archive is the last of the path; a link is copied as one, unless
      the path ends with ``/.``.
    * ``upload``: ``path`` of a folder; a tar archive, not compressed, goes on
      STDIN, and ``eof`` after it.
    * ``tail``: of a file, ``path``, ``lines``, ``follow``.
    * ``sftp``: SFTP, version 3, on STDIN and STDOUT.
    * ``forward``: ``port``; a TCP connection to it within the set.
      ``started``: ``address`` and ``port``.
    """

    EXEC = "exec"
    ATTACH = "attach"
    LOGS = "logs"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    TAIL = "tail"
    SFTP = "sftp"
    FORWARD = "forward"


class Look(enum.StrEnum):
    """Asked like a verb, and answered with one ``result``.

    * ``stats``: of one container or the whole set, from its cgroups:
      ``read_at``; ``set`` with ``usage`` and ``network``; ``containers``, each
      with ``id``, ``name``, ``state``, ``usage``.  ``usage`` is as
      :class:`caas.drivers.runtime.base.Usage`, ``network`` has ``rx_bytes``,
      ``rx_packets``, ``tx_bytes``, ``tx_packets``; both are None where nothing
      runs.
    * ``top``: the processes of a container: ``processes`` as
      :class:`caas.drivers.runtime.base.Process`, ``count`` of all,
      ``truncated`` when not all are told.
    * ``diff``: what a container changed of the files of its image:
      ``changes``, each with ``path`` and ``kind`` (``added``, ``modified`` or
      ``deleted``), and ``truncated``.
    * ``inspect``: what the engine says of it, less what is of its host:
      ``id``, ``name`` and what
      :func:`caas.drivers.runtime.inspection.shown` makes of it.
    * ``files``: what is in a folder, ``path``.
    """

    STATS = "stats"
    TOP = "top"
    DIFF = "diff"
    INSPECT = "inspect"
    FILES = "files"


@dataclasses.dataclass(frozen=True)
class Ask:
    """What a proxy asks of an agent, after it has checked who asks.

    :ivar verb: a :class:`Verb` or :class:`Look`.
    :ivar container: id of a business container, "" where it is the set as a
        whole.
    :ivar session_id: "" for a Look.
    """

    verb: str
    set_id: str
    incarnation: int
    container: str = ""
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    session_id: str = ""
    request_id: str = ""

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Ask":
        """:raises TypeError: a key is missing."""
        return spec.pick(cls, data)
