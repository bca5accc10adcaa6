"""Policies of key pairs: a user's own, whatever the project of the token.

To make one takes a member: with a key one gets in everywhere its user may,
so that a credential for reading only must not be enough to add one.
"""

from caas.policies.base import rule

_OWN = "user_id:%(user_id)s"
_READER = f"rule:caas:admin or (role:reader and {_OWN})"
_MEMBER = f"rule:caas:admin or (role:member and {_OWN})"
#: Not even operators: who made a key for somebody else would be let in.
_OWNER = f"role:member and {_OWN}"

RULES = [
    rule(
        "caas:keypairs:list",
        _READER,
        "List the key pairs of a user.",
        "GET /v1/keypairs",
    ),
    rule(
        "caas:keypairs:get",
        _READER,
        "Show a key pair of a user.",
        "GET /v1/keypairs/{keypair}",
    ),
    rule(
        "caas:keypairs:create",
        _OWNER,
        "Take in a public key, or make a key pair.",
        "POST /v1/keypairs",
    ),
    rule(
        "caas:keypairs:delete",
        _MEMBER,
        "Delete a key pair of a user.",
        "DELETE /v1/keypairs/{keypair}",
    ),
]
