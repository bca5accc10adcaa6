"""Files made from code are checked in as the code makes them now."""

import os
import pathlib
import subprocess
import sysconfig

import pytest

import caas

ROOT = pathlib.Path(caas.__file__).parent.parent


# as many interpreters as there are files
@pytest.mark.timeout(600)
def test_generated_files_are_in_step(tmp_path: pathlib.Path) -> None:
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        [ROOT / "tools" / "generate", tmp_path],
        check=True,
        env={**os.environ, "PATH": path},
    )
    made = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert made
    for file in made:
        name = file.relative_to(tmp_path)
        assert (ROOT / name).read_text() == file.read_text(), (
            f"{name} is behind the code: run tools/generate in the "
            "environment of the tests (constraints.txt)"
        )
