"""Print how many tests of a JUnit file passed and failed; skipped is failed.

A test that is skipped proves nothing, so a run of all tests does not let it
pass for one.
"""

import sys
from xml.etree import ElementTree


def main() -> None:
    passed = failed = 0
    for suite in ElementTree.parse(sys.argv[1]).getroot().iter("testsuite"):
        bad = sum(
            int(suite.get(key, 0)) for key in ("failures", "errors", "skipped")
        )
        failed += bad
        passed += int(suite.get("tests", 0)) - bad
    sys.stdout.write(f"{passed} {failed}\n")


if __name__ == "__main__":
    main()
