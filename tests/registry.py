"""A small client of registries, which shows what was answered."""

import hashlib
import json
import re
from typing import Any

import requests

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def descriptor(kind: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {
        "mediaType": kind,
        "digest": sha256(data),
        "size": len(data),
        **more,
    }


class Client:
    """Fetches tokens as it is told to, one for each scope.

    :param who: user name and password; None for nobody.
    :param ca: file of its authority.
    """

    def __init__(
        self,
        url: str,
        who: tuple[str, str] | None = None,
        ca: str | None = None,
    ) -> None:
        self.url = url
        self.who = who
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = ca or True
        self.tokens: dict[str, str] = {}

    def __call__(
        self, method: str, path: str, **how: Any
    ) -> requests.Response:
        """:param path: or a URL that was told."""
        how.setdefault("timeout", 120)
        url = path if path.startswith("http") else self.url + path
        match = re.match(
            r"(?:https?://[^/]+)?/v2/(.+?)/(?:blobs|man|tag)", url
        )
        action = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(
            method, "push"
        )
        key = f"{match[1] if match else ''}:{action}"
        headers = how.pop("headers", None) or {}
        if key in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[key]}"
        answer = self.http.request(method, url, headers=headers, **how)
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status_code != 401 or not challenge.startswith("Bearer"):
            return answer
        got = self.token(challenge)
        if got.status_code != 200:
            return got
        self.tokens[key] = got.json()["token"]
        headers["Authorization"] = f"Bearer {self.tokens[key]}"
        return self.http.request(method, url, headers=headers, **how)

    def token(self, challenge: str) -> requests.Response:
        """As ``WWW-Authenticate`` says."""
        told = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        return self.http.get(
            told.pop("realm"),
            params=told,
            auth=self.who,
            timeout=120,
        )

    def upload(self, repository: str, data: bytes) -> str:
        """A blob, as docker does it.  :returns: its digest."""
        begun = self("POST", f"/v2/{repository}/blobs/uploads/")
        assert begun.status_code == 202, begun.text
        patched = self("PATCH", begun.headers["Location"], data=iter([data]))
        assert patched.status_code == 202, patched.text
        digest = sha256(data)
        done = self(
            "PUT", patched.headers["Location"], params={"digest": digest}
        )
        assert done.status_code == 201, done.text
        assert done.headers["Docker-Content-Digest"] == digest
        return digest

    def put(
        self,
        repository: str,
        reference: str,
        manifest: dict[str, Any] | bytes,
        kind: str = MANIFEST,
    ) -> requests.Response:
        if isinstance(manifest, dict):
            manifest = json.dumps(manifest).encode()
        return self(
            "PUT",
            f"/v2/{repository}/manifests/{reference}",
            data=manifest,
            headers={"Content-Type": kind},
        )

    def push(
        self, repository: str, reference: str, *layers: bytes, **more: Any
    ) -> bytes:
        """An image of tars.  :returns: its manifest."""
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/bin/sh"]},
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [*map(sha256, layers)],
                },
            }
        ).encode()
        for data in (config, *layers):
            path = f"/v2/{repository}/blobs/{sha256(data)}"
            if self("HEAD", path).status_code != 200:
                self.upload(repository, data)
        body = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": descriptor(CONFIG, config),
                "layers": [descriptor(LAYER, layer) for layer in layers],
                **more,
            }
        ).encode()
        answer = self.put(repository, reference, body)
        assert answer.status_code == 201, answer.text
        return body

    def blob(self, repository: str, digest: str) -> requests.Response:
        return self("GET", f"/v2/{repository}/blobs/{digest}")

    def manifest(self, repository: str, reference: str) -> requests.Response:
        return self(
            "GET",
            f"/v2/{repository}/manifests/{reference}",
            headers={"Accept": f"{MANIFEST}, {INDEX}"},
        )

    def delete(self, repository: str, reference: str) -> int:
        answer = self("DELETE", f"/v2/{repository}/manifests/{reference}")
        return answer.status_code


def code(answer: requests.Response) -> str:
    """That of the specification; the message has to be a sentence."""
    [error] = answer.json()["errors"]
    assert re.search(r"[.!?]$", error["message"]), error
    assert answer.headers["Content-Type"].startswith("application/json")
    return str(error["code"])
