"""Policies of the registry API.

They say what a role in the own project is good for; whether a project has
anything to do with a namespace is asked after that.
"""

from caas.policies.base import ANY_READER, MEMBER, rule

RULES = [
    rule(
        "caas:registry:pull",
        ANY_READER,
        "Pull images, and list them.",
        "GET /v2/_catalog",
        "GET /v2/{name}/tags/list",
        "GET /v2/{name}/manifests/{reference}",
        "GET /v2/{name}/blobs/{digest}",
        "GET /v2/{name}/referrers/{digest}",
    ),
    rule(
        "caas:registry:push",
        MEMBER,
        "Push images.",
        "POST /v2/{name}/blobs/uploads/",
        "GET /v2/{name}/blobs/uploads/{upload_id}",
        "PATCH /v2/{name}/blobs/uploads/{upload_id}",
        "PUT /v2/{name}/blobs/uploads/{upload_id}",
        "DELETE /v2/{name}/blobs/uploads/{upload_id}",
        "PUT /v2/{name}/manifests/{reference}",
    ),
    rule(
        "caas:registry:delete",
        MEMBER,
        "Delete tags, images and blobs.",
        "DELETE /v2/{name}/manifests/{reference}",
        "DELETE /v2/{name}/blobs/{digest}",
    ),
]
