"""How tests ask the Nova-compatible API, in this process."""

import json
import os
import pathlib
from typing import Any

import webob

from tests.functional.service import Service
from tests.functional.whole import Whole, until

ROOT = "/compute/v2.1"
MEMBER = "u1:p1:member"
ADMIN = "u1:p9:admin"

#: A file that takes all answers, one JSON object a line, for tools that know
#: Nova's contract: CAAS_ANSWERS=FILE pytest tests/functional/compute
ANSWERS = "CAAS_ANSWERS"


class Compute:
    """:ivar image: id of the one there is."""

    def __init__(self, service: Service, whole: Whole | None = None) -> None:
        self.service = service
        self.whole = whole
        self.image = service.image("server:1").id

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = "2.96",
        token: str | None = MEMBER,
        headers: dict[str, str] | None = None,
        root: str = ROOT,
    ) -> webob.Response:
        """:param version: microversion; None to ask for none."""
        asked = {}
        if version is not None:
            asked["OpenStack-API-Version"] = f"compute {version}"
        answer = self.service.request(
            method,
            root + path,
            body,
            token=token,
            headers=asked | (headers or {}),
        )
        if ANSWERS in os.environ and root == ROOT and not headers:
            self._record(method, path, version or "2.1", body, answer)
        return answer

    @staticmethod
    def _record(
        method: str, path: str, version: str, body: Any, answer: webob.Response
    ) -> None:
        line = {
            "method": method,
            "path": f"/v2.1{path}",
            "version": version,
            "request": None if isinstance(body, bytes) else body,
            "status": answer.status_int,
            "headers": list(answer.headers.items()),
            "body": answer.text,
        }
        with pathlib.Path(os.environ[ANSWERS]).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def ok(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """The answer, which is no error; None if it is empty."""
        answer = self.ask(method, path, body, **how)
        assert answer.status_int < 400, answer.text
        return answer.json if answer.body else None

    def refused(
        self,
        status: int,
        method: str,
        path: str,
        body: Any = None,
        **how: Any,
    ) -> str:
        """What an error says."""
        answer = self.ask(method, path, body, **how)
        assert answer.status_int == status, answer.text
        [(_key, said)] = answer.json.items()
        assert said["code"] == status
        message: str = said["message"]
        return message

    def request(self, **changes: Any) -> dict[str, Any]:
        """A body that creates a server; None leaves a key out."""
        server = {
            "name": "web",
            "imageRef": self.image,
            "flavorRef": "small",
            "networks": "auto",
            **changes,
        }
        return {"server": {k: v for k, v in server.items() if v is not None}}

    def create(
        self, *, token: str = MEMBER, version: str = "2.96", **changes: Any
    ) -> str:
        """:returns: the id of a new server."""
        body = self.request(**changes)
        made = self.ok("POST", "/servers", body, token=token, version=version)
        ident: str = made["server"]["id"]
        return ident

    def get(self, server: str, **how: Any) -> dict[str, Any]:
        shown: dict[str, Any] = self.ok("GET", f"/servers/{server}", **how)
        return shown["server"]

    def force_down(self, host: str) -> None:
        """As operators do who know that it is dead."""
        [agent] = self.ok(
            "GET",
            f"/os-services?host={host}&binary=nova-compute",
            token=ADMIN,
        )["services"]
        path = f"/os-services/{agent['id']}"
        self.ok("PUT", path, {"forced_down": True}, token=ADMIN)

    def act(
        self, server: str, action: str, value: Any = None, **how: Any
    ) -> webob.Response:
        return self.ask(
            "POST", f"/servers/{server}/action", {action: value}, **how
        )

    def do(
        self, server: str, action: str, value: Any = None, **how: Any
    ) -> dict[str, Any]:
        """An action that is not refused.  :returns: the server right after."""
        answer = self.act(server, action, value, **how)
        assert answer.status_int < 400, answer.text
        return self.get(server)

    def wait(self, server: str, status: str) -> dict[str, Any]:
        """The server, once it has this status and no task; DELETED: gone."""
        last: dict[str, Any] = {}

        def look() -> bool:
            answer = self.ask("GET", f"/servers/{server}", token=ADMIN)
            if answer.status_int == 404:
                last["status"] = "DELETED"
                return status == "DELETED"
            last.clear()
            last.update(answer.json["server"])
            idle = last["OS-EXT-STS:task_state"] is None
            return idle and last["status"] == status

        until(look, lambda: f"{server} is {last.get('status')}, not {status}")
        return last
