import pytest

from caas.drivers.network import namespaces
from caas.drivers.runtime import usage
from caas.drivers.runtime.base import Usage

V1 = {
    "cpuacct/x/cpuacct.usage": "123456789\n",
    "cpu/x/cpu.stat": "nr_periods 10\nnr_throttled 3\nthrottled_time 700\n",
    "memory/x/memory.usage_in_bytes": "1000\n",
    "memory/x/memory.max_usage_in_bytes": "1500\n",
    "memory/x/memory.limit_in_bytes": "9223372036854771712\n",
    "memory/x/memory.stat": "inactive_file 1\ntotal_inactive_file 300\n",
    "pids/x/pids.current": "4\n",
    "pids/x/pids.max": "max\n",
    "blkio/x/blkio.throttle.io_service_bytes_recursive": (
        "8:0 Read 4096\n8:0 Write 10\n8:16 Read 1\n8:16 Total 9\nTotal 4107\n"
    ),
    "blkio/x/blkio.throttle.io_serviced_recursive": "Total 0\n",
}
V2 = {
    "x/cpu.stat": "usage_usec 5\nnr_periods 1\nnr_throttled 1\n"
    "throttled_usec 2\n",
    "x/memory.current": "1000\n",
    "x/memory.max": "2000\n",
    "x/memory.stat": "inactive_file 1200\n",
    "x/pids.current": "4\n",
    "x/pids.max": "100\n",
    "x/io.stat": "8:0 rbytes=5 wbytes=6 rios=1 wios=2 dbytes=0 dios=0\n"
    "8:16 rbytes=10 wbytes=0 rios=1 wios=0\n8:32 \n",
}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_version_1(tmp_path):
    write(tmp_path, V1)
    assert usage.read(1, tmp_path, tmp_path.__class__("x")) == Usage(
        cpu_ns=123456789,
        periods=10,
        throttled_periods=3,
        throttled_ns=700,
        memory_bytes=1000,
        working_set_bytes=700,
        peak_bytes=1500,
        limit_bytes=None,
        pids=4,
        pids_limit=None,
        read_bytes=4097,
        written_bytes=10,
        reads=0,
        writes=0,
    )


def test_version_2(tmp_path):
    write(tmp_path, V2)
    assert usage.read(2, tmp_path, tmp_path.__class__("x")) == Usage(
        cpu_ns=5000,
        periods=1,
        throttled_periods=1,
        throttled_ns=2000,
        memory_bytes=1000,
        working_set_bytes=0,
        peak_bytes=None,
        limit_bytes=2000,
        pids=4,
        pids_limit=100,
        read_bytes=15,
        written_bytes=6,
        reads=2,
        writes=2,
    )


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_not_counted_is_unknown(tmp_path, version):
    found = usage.read(version, tmp_path, tmp_path.__class__("x"))
    assert found.cpu_ns is None
    assert found.memory_bytes is None
    assert found.working_set_bytes is None


def test_traffic_is_that_of_all_interfaces_but_the_loopback():
    table = (
        "Inter-|   Receive                            |  Transmit\n"
        " face |bytes packets errs drop fifo frame compressed multicast|"
        "bytes packets errs drop fifo colls carrier compressed\n"
        "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n"
        "  eth0: 100 2 0 0 0 0 0 0 50 1 0 0 0 0 0 0\n"
        "  eth1:1 1 0 0 0 0 0 0 7 3 0 0 0 0 0 0\n"
    )
    assert namespaces.traffic(table) == namespaces.Traffic(101, 3, 57, 4)
