"""Schemas of sessions, and of what is asked of them."""

from typing import Any

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.api.v1.schemas.containers import COMMAND, ENV, USER, WORKING_DIR
from caas.model.sessions import SessionStatus
from caas.model.streams import Verb

_VIEW: dict[str, Definition] = {
    "id": common.UUID,
    "status": {"enum": [status.value for status in SessionStatus]},
    "verb": {"enum": [verb.value for verb in Verb]},
    "set_id": common.UUID,
    "set_name": common.STRING,
    "container_id": common.OPTIONAL_STRING,
    "container": {
        **common.STRING,
        "description": "Its name; empty for the set as a whole.",
    },
    "arguments": {
        "type": "object",
        "description": "What was asked for, without the environment.",
    },
    "reason": common.STRING,
    "recorded": common.BOOLEAN,
    "user_id": common.STRING,
    "project_id": common.STRING,
    "request_id": common.STRING,
    "client": {
        **common.STRING,
        "description": "Address it was begun from.",
    },
    "created_at": common.TIME,
    "expires_at": {
        **common.TIME,
        "description": "It has to begin before.",
    },
    "started_at": common.OPTIONAL_TIME,
    "ended_at": common.OPTIONAL_TIME,
    "result": {"enum": ["", "success", "error"]},
    "message": {
        **common.STRING,
        "description": "Why it ended, if not by itself.",
    },
    "exit_code": {"type": ["integer", "null"]},
    "links": common.LINKS,
}
VIEW: Definition = common.obj(_VIEW, title="Session")
ONE = common.one("session", VIEW)
MANY = common.many("sessions", VIEW)

CREATED = common.one(
    "session",
    common.obj(
        {
            **_VIEW,
            "url": {
                **common.STRING,
                "description": "Where to connect to with a websocket.",
            },
            "token": {
                **common.STRING,
                "description": "Offered as subprotocol `caas-token.TOKEN`; "
                "good once, until `expires_at`.",
            },
        },
        title="NewSession",
    ),
)

LIST = common.listing(
    VIEW,
    sort_keys=["created_at"],
    filters={
        "set_id": common.UUID,
        "user_id": {"type": "string", "minLength": 1, "maxLength": 64},
        "verb": {"type": "string", "enum": [verb.value for verb in Verb]},
        "recorded": common.BOOLEAN,
        "since": {**common.TIME, "description": "At or after this time."},
        **common.PROJECTS,
    },
)

_REASON: dict[str, Definition] = {
    "reason": {
        "type": "string",
        "maxLength": 255,
        "description": "Why; kept with the session. Policy may want one.",
    }
}
_RECORD: dict[str, Definition] = {
    "record": {
        "type": "boolean",
        "default": False,
        "description": "Record what is seen. Policy may want it anyway.",
    }
}
_SIDE: Definition = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": 10000,
}
_SIZE: dict[str, Definition] = {
    "width": {**_SIDE, "description": "Columns of the terminal."},
    "height": {**_SIDE, "description": "Rows of the terminal."},
}
_STDIN: dict[str, Definition] = {
    "stdin": {
        "type": "boolean",
        "default": False,
        "description": "Data will be sent to it.",
    }
}
PATH: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 4096,
    "pattern": r"^/[^\x00]*\Z",
    "x-must": "be an absolute path",
}


def _session(
    properties: dict[str, Any], required: tuple[str, ...] = ()
) -> Definition:
    return common.request(
        "session", common.obj({**properties, **_REASON}, required)
    )


EXEC = _session(
    {
        "command": COMMAND,
        "tty": {
            "type": "boolean",
            "default": False,
            "description": "Give it a terminal.",
        },
        **_STDIN,
        "user": USER,
        "working_dir": WORKING_DIR,
        "env": ENV,
        **_SIZE,
        **_RECORD,
    },
    ("command",),
)
ATTACH = _session({**_STDIN, **_SIZE, **_RECORD})

_LOGS: dict[str, Definition] = {
    "follow": {
        "type": "boolean",
        "default": False,
        "description": "Wait for more.",
    },
    "since": {**common.TIME, "description": "From this time on."},
    "until": {**common.TIME, "description": "What is older than this."},
    "tail": {
        "type": ["integer", "null"],
        "minimum": 0,
        "maximum": common.INT_MAX,
        "description": "Only so many last lines, of each container.",
    },
    "timestamps": {
        "type": "boolean",
        "default": False,
        "description": "Begin each line with its time.",
    },
}
LOGS = _session(_LOGS)

DOWNLOAD = _session(
    {"path": {**PATH, "description": "Of a file or folder."}}, ("path",)
)
UPLOAD = _session(
    {"path": {**PATH, "description": "Of the folder to unpack in."}},
    ("path",),
)
TAIL = _session(
    {
        "path": {**PATH, "description": "Of a file."},
        "lines": {
            "type": "integer",
            "minimum": 0,
            "maximum": common.INT_MAX,
            "default": 10,
            "description": "So many last lines.",
        },
        "follow": {
            "type": "boolean",
            "default": False,
            "description": "Wait for more.",
        },
    },
    ("path",),
)
SFTP = _session({})
FORWARD = _session(
    {"port": {"type": "integer", "minimum": 1, "maximum": 65535}}, ("port",)
)

RECORDING_QUERY = common.obj(
    {
        "piece": {
            "type": "integer",
            "minimum": 0,
            "maximum": common.INT_MAX,
            "default": 0,
            "description": "From 0 on.",
        }
    },
    (),
)
RECORDING = common.one(
    "recording",
    common.obj(
        {
            "session_id": common.UUID,
            "piece": common.INTEGER,
            "next": {
                "type": ["integer", "null"],
                "description": "Number of the piece after it.",
            },
            "asciicast": {
                **common.STRING,
                "description": "Lines of asciicast v2; the pieces one after "
                "the other are the file.",
            },
        },
        title="Recording",
    ),
)
