"""A key pair: the public half of a key somebody signs in with."""

import dataclasses
import datetime

#: What there is of kinds, named as Nova names them.
SSH = "ssh"


@dataclasses.dataclass(frozen=True)
class Keypair:
    """:ivar name: unique among those of its user.
    :ivar public_key: one line as of OpenSSH: type, key, comment.
    :ivar fingerprint: MD5 in hex with colons, as Nova shows it.
    :ivar sha256: ``SHA256:...`` as OpenSSH shows it.
    """

    id: str
    user_id: str
    name: str
    type: str
    public_key: str
    fingerprint: str
    sha256: str
    created_at: datetime.datetime
