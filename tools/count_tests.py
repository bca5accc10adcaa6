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
    total = 0
    bad = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        total += 1
        for what in case:
            if what.tag in ("failure", "error", "skipped"):
                name = f"{case.get('classname')}::{case.get('name')}"
                said = (what.get("message") or "").strip().splitlines()
                bad.append(f"{what.tag} {name}: {(said or [''])[0][:200]}")
                break
    with pathlib.Path(failures).open("a") as file:
        file.writelines(f"{line}\n" for line in bad)
    sys.stdout.write(f"{total - len(bad)} {len(bad)}\n")


if __name__ == "__main__":
    main()
