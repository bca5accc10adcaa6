"""The use of CPU and memory, from files as the kernel has them."""

import os

import pytest

from caas.drivers.runtime import membership
from caas.host import usage


@pytest.fixture
def group(tmp_path, monkeypatch):
    """A group of version 2 that this process is in."""
    monkeypatch.setattr(membership, "text_of", lambda pid: "0::/c1\n")
    path = tmp_path / "c1"
    path.mkdir()
    (path / "cpu.stat").write_text("usage_usec 1000\n")
    (path / "memory.current").write_text("3000\n")
    (path / "memory.stat").write_text("active_file 5\ninactive_file 1000\n")
    return path


def test_what_was_used_between_two_looks(group, monkeypatch):
    moments = iter([10.0, 12.0])
    monkeypatch.setattr(usage.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(
        usage.time,
        "sleep",
        lambda _: (group / "cpu.stat").write_text("usage_usec 1001000\n"),
    )
    found = usage.usage([os.getpid()], group.parent)
    assert found == {os.getpid(): usage.Usage(50.0, 2000)}


def test_who_is_gone_is_left_out(group, monkeypatch):
    monkeypatch.setattr(
        usage.time, "sleep", lambda _: (group / "memory.current").unlink()
    )
    assert usage.usage([os.getpid()], group.parent) == {}
    assert usage.usage([], group.parent) == {}
