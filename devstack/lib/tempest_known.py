"""Compare results of Tempest with what is known not to pass.

    tempest_known.py RESULTS DOCUMENT

RESULTS is a subunit stream. In the document a term of a definition list is a
test, a class of tests, or ``tearDownClass`` as if it were a test of its class,
without ``tempest.api.compute.``; its definition begins with ``Fails:`` or
``Skipped:``, and the reason. A class stands for all of its tests that were
run; what is said of a test by itself comes first.

It exits with 1 if a test that is not named did not pass, or one that is named
did, or has not been there although its class was run.
"""

import argparse
import collections
import pathlib
import re
import sys

PREFIX = "tempest.api.compute."
_KNOWN = re.compile(r"^``(\w[\w.]+)``\n +(Fails|Skipped):", re.M)
#: No test, but what is done before and after those of a class.
_CLASS = re.compile(r"^(setUpClass|tearDownClass) \((.*)\)$")
_WORDS = {"fail": "Fails", "skip": "Skipped", "success": "passes"}


def results(path: pathlib.Path) -> dict[str, tuple[str, str]]:
    """By name of the test, or of a class that could not be set up: one of
    the words, and what it said."""
    # of Tempest's environment
    import subunit
    import testtools

    found: dict[str, tuple[str, str]] = {}

    def take(test: dict[str, object]) -> None:
        word = _WORDS.get(str(test["status"]))
        if word is None:
            return
        name = re.sub(r"\[.*\]$", "", str(test["id"]))
        match = _CLASS.match(name)
        if match and match[1] == "setUpClass":
            name = match[2]
        elif match:
            name = f"{match[2]}.tearDownClass"
        name = name.removeprefix(PREFIX)
        details = test["details"]
        assert isinstance(details, dict)
        texts = {key: each.as_text() for key, each in details.items()}
        said = texts.get("reason") or texts.get("traceback", "")
        lines = [line for line in said.strip().splitlines() if line.strip()]
        found[name] = word, lines[-1].strip() if lines else ""

    with path.open("rb") as stream:
        run = testtools.StreamToDict(take)
        run.startTestRun()
        subunit.ByteStreamToStreamResult(stream).run(run)
        run.stopTestRun()
    return found


def known(path: pathlib.Path) -> dict[str, str]:
    """By name: how it is known to end."""
    pairs = _KNOWN.findall(path.read_text())
    twice = [
        n for n, c in collections.Counter(n for n, _ in pairs).items() if c > 1
    ]
    if twice:
        sys.exit(f"Named more than once: {', '.join(twice)}")
    return dict(pairs)


def differences(
    happened: dict[str, tuple[str, str]], expected: dict[str, str]
) -> list[str]:
    lines = []
    classes = {name.rpartition(".")[0] for name in happened} | set(happened)
    for name, (word, said) in sorted(happened.items()):
        owner = name.rpartition(".")[0]
        wanted = expected.get(name, expected.get(owner, "passes"))
        if word != wanted:
            lines.append(f"{name} {word.lower()}, known: {wanted}. {said}")
    for name in sorted(expected):
        owner = name.rpartition(".")[0]
        if name in classes or owner not in classes:
            continue
        lines.append(f"{name} was not there.")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("document", type=pathlib.Path)
    args = parser.parse_args()
    happened = results(args.results)
    lines = differences(happened, known(args.document))
    count = collections.Counter(word for word, _ in happened.values())
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.write(
        f"{count['passes']} passed, {count['Fails']} failed, "
        f"{count['Skipped']} skipped (a class that is not set up counts as "
        f"one); {len(lines)} are not as known\n"
    )
    sys.exit(bool(lines) or not happened)


if __name__ == "__main__":
    main()
