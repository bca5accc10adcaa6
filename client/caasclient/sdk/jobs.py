"""Jobs: what takes a while and ends by itself."""

import time
from collections.abc import Callable
from typing import Self

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions, resource

from caasclient.sdk import base
from caasclient.sdk.waiting import FIRST_PAUSE, GROWTH, LAST_PAUSE


class Job(base.Resource):
    resource_key = "job"
    resources_key = "jobs"
    base_path = "/jobs"

    allow_fetch = True
    allow_list = True
    allow_delete = True

    _query_mapping = resource.QueryParameters(
        "all_projects",
        "container_id",
        "kind",
        "project_id",
        "set_id",
        "since",
        "status",
        "user_id",
    )

    #: ``commit`` or ``import``.
    kind = resource.Body("kind")
    #: ``PENDING``, ``RUNNING``, ``DONE``, ``FAILED`` or ``CANCELLED``.
    status = resource.Body("status")
    #: How far it is, as a sentence.
    progress = resource.Body("progress")
    #: Why it failed, or what keeps it.
    reason = resource.Body("reason")
    #: What was asked for, by kind.
    arguments = resource.Body("arguments", type=dict)
    set_id = resource.Body("set_id")
    container_id = resource.Body("container_id")
    #: The image it made.
    image_id = resource.Body("image_id")
    user_id = resource.Body("user_id")
    project_id = resource.Body("project_id")
    request_id = resource.Body("request_id")
    created_at = resource.Body("created_at")
    updated_at = resource.Body("updated_at")
    ended_at = resource.Body("ended_at")
    #: If it has not ended by then it fails.
    expires_at = resource.Body("expires_at")

    @property
    def ended(self) -> bool:
        return self.status not in ("PENDING", "RUNNING")

    def settle(
        self,
        session: adapter.Adapter,
        wait: float | None,
        callback: Callable[[Self], None] | None,
    ) -> Self:
        """See ``wait_for_job`` of the proxy."""
        end = None if wait is None else time.monotonic() + wait
        told, pause = None, FIRST_PAUSE
        while True:
            said = self.status, self.progress, self.reason
            if callback and said != told:
                told = said
                callback(self)
            if self.ended:
                break
            if end is not None:
                pause = min(pause, end - time.monotonic())
                if pause <= 0:
                    raise exceptions.ResourceTimeout(self._says("is still"))
            time.sleep(pause)
            pause = min(pause * GROWTH, LAST_PAUSE)
            try:
                self.fetch(session)
            except (
                ksa_exceptions.ConnectFailure,
                exceptions.HttpException,
            ) as e:
                # an API that does not answer for a while is waited for
                if (getattr(e, "status_code", None) or 503) < 500:
                    raise
        if self.status != "DONE":
            raise exceptions.ResourceFailure(self._says("is"))
        return self

    def _says(self, what: str) -> str:
        text = f"Job {self.id} {what} {self.status}"
        said = self.reason or self.progress
        return f"{text}: {said}" if said else f"{text}."
