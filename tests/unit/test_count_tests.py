"""What ./run_tests counts, and tells of failures."""

import pathlib
import subprocess
import sys

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "count_tests.py"

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="good"/>
<testcase classname="a" name="bad"><failure message="no&#10;more"/></testcase>
<testcase classname="a" name="ill"><error/></testcase>
<testcase classname="a" name="left"><skipped message="why"/></testcase>
</testsuite></testsuites>"""


def test_all_but_passed_is_failed(tmp_path: pathlib.Path) -> None:
    report, failures = tmp_path / "report.xml", tmp_path / "failures"
    report.write_text(REPORT)
    failures.write_text("of another part\n")
    counts = subprocess.check_output(
        [sys.executable, TOOL, report, failures], text=True
    )
    assert counts == "1 3\n"
    assert failures.read_text().splitlines() == [
        "of another part",
        "failure a::bad: no",
        "error a::ill: ",
        "skipped a::left: why",
    ]
