"""Key pairs: what a user signs in with at the SSH gateway."""

from openstack import resource

from caasclient.sdk import base


class Keypair(base.Resource):
    resource_key = "keypair"
    resources_key = "keypairs"
    base_path = "/keypairs"

    allow_create = True
    allow_fetch = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        "name", "sort_dir", "sort_key", "user_id"
    )

    type = resource.Body("type")
    #: One line, as OpenSSH writes it.
    public_key = resource.Body("public_key")
    #: Only when it was made just now.
    private_key = resource.Body("private_key")
    #: MD5, as Nova shows it.
    fingerprint = resource.Body("fingerprint")
    #: As OpenSSH shows it.
    fingerprint_sha256 = resource.Body("fingerprint_sha256")
    user_id = resource.Body("user_id")
    created_at = resource.Body("created_at")
