"""Print how many tests of a JUnit file passed and failed, and add a line for
each that failed to another file; skipped is failed.

A test that is skipped proves nothing, so a run of all tests does not let it
pass for one.
"""

import pathlib
import sys
from xml.etree import ElementTree


def main() -> None:
    report, failures = sys.argv[1:]
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    bad = [line for case in cases if (line := _failure(case))]
    with pathlib.Path(failures).open("a") as file:
        file.writelines(f"{line}\n" for line in bad)
    sys.stdout.write(f"{len(cases) - len(bad)} {len(bad)}\n")


def _failure(case: ElementTree.Element) -> str:
    """What became of a test, in a line; "" if it passed."""
    for what in case:
        if what.tag in ("failure", "error", "skipped"):
            name = f"{case.get('classname')}::{case.get('name')}"
            said = what.get("message", "").strip().partition("\n")[0]
            return f"{what.tag} {name}: {said[:200]}"
    return ""


if __name__ == "__main__":
    main()
