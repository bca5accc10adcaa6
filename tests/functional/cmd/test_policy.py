"""The tools of oslo.policy know our policies."""

import pathlib
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("rule", "code", "words"),
    [
        ('"caas:sets:create": "rule:caas:manager"', 0, ""),
        ('"caas:sets:creat": "rule:caas:manager"', 1, "caas:sets:creat"),
        ('"caas:sets:create": "rule:caas:boss"', 1, "Invalid rules"),
    ],
)
def test_a_policy_file_can_be_checked(
    tmp_path: pathlib.Path, rule: str, code: int, words: str
) -> None:
    (tmp_path / "policy.yaml").write_text(rule)
    conf = tmp_path / "caas.conf"
    conf.write_text(f"[oslo_policy]\npolicy_file = {tmp_path}/policy.yaml\n")
    done = subprocess.run(
        [
            pathlib.Path(sys.executable).parent / "oslopolicy-validator",
            "--config-file",
            conf,
            "--namespace",
            "caas",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code
    assert words in done.stdout
