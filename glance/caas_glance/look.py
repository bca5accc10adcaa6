"""Telling caas that there is something to look at."""

import collections
import logging
import threading

import requests

LOG = logging.getLogger(__name__)


class Teller:
    """Sends "look again" messages from a thread of its own.

    One that is lost does no harm: caas looks by itself every minute.
    """

    def __init__(
        self,
        url: str,
        ca_file: str | None = None,
        *,
        timeout: float = 5,
        limit: int = 1000,
    ) -> None:
        """
        :param url: of caas-api, without ``/v1``.
        :param ca_file: certificates it is checked by; the system's if None.
        :param timeout: seconds, to connect and for each read.
        :param limit: how many messages may wait; further ones are dropped.
        """
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._limit = limit
        self._verify = ca_file or True
        #: image -> token of who changed it last, and whether it is gone
        self._waiting: collections.OrderedDict[str, tuple[str, bool]] = (
            collections.OrderedDict()
        )
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def tell(self, image_id: str, token: str, *, gone: bool = False) -> None:
        """Have caas look at an image, with the rights of a user.  At once.

        :param gone: it was deleted; caas may have known nothing of it.
        """
        with self._changed:
            if len(self._waiting) >= self._limit:
                LOG.warning("caas is not told of image %s: too many", image_id)
                return
            self._waiting[image_id] = (token, gone)
            # here, as a server forks after it has loaded us
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="caas-look", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                image_id, (token, gone) = self._waiting.popitem(last=False)
            try:
                answer = requests.post(
                    f"{self._url}/v1/images/{image_id}/look",
                    headers={"X-Auth-Token": token},
                    timeout=self._timeout,
                    verify=self._verify,
                    allow_redirects=False,
                )
                if not (gone and answer.status_code == 404):
                    answer.raise_for_status()
            # whatever it is, the thread goes on
            except Exception as error:
                LOG.warning(
                    "caas is not told of image %s: %s", image_id, error
                )
