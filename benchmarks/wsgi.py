"""A WSGI service under uWSGI, set as the quickstart sets those of its own."""

import contextlib
import os
import re
import socket
import subprocess
import urllib.error
import urllib.request

import stack


@contextlib.contextmanager
def run(module, folder, name, venv=None, **environment):
    """Its URL; as many processes and threads serve it as ``caas-api`` has.

    :param folder: where its configuration and its log go.
    :param venv: its Python environment; that of the stack if None.
    """
    port = free_port()
    text = (stack.DIR / "etc/caas-api/uwsgi.ini").read_text()
    text = re.sub(
        r"^(module|http-socket|procname-prefix\S*) =.*\n", "", text, flags=re.M
    )
    ini = folder / f"{name}-uwsgi.ini"
    ini.write_text(
        f"{text}module = {module}\nhttp-socket = 127.0.0.1:{port}\n"
    )
    log = folder / f"{name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [(venv or stack.DIR / "venv") / "bin/uwsgi", "--ini", ini],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        stack.wait(lambda: _answers(process, url, log), name, 120)
        yield url
    finally:
        process.terminate()
        process.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def _answers(process, url, log):
    if process.poll() is not None:
        raise SystemExit(f"It ended as soon as it was started; see {log}.")
    try:
        urllib.request.urlopen(url, timeout=60).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True
