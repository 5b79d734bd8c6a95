"""What the Makefile and requirements.txt choose, whatever Python there is."""

import os
import shutil
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from comparison.counting.code_length import ROOT
from frameworks import lazy

PYTHONS = ["python3.13", "python3.12", "python3.11", "python3"]


@pytest.fixture
def make(tmp_path):
    """Run a copy of the Makefile where only the given Pythons are installed."""
    for file in ("Makefile", *(path.name for path in ROOT.glob("requirements*.txt"))):
        shutil.copy(ROOT / file, tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()

    def run(*arguments, pythons=()):
        for name in PYTHONS:  # an old one, or none, ends with an error
            does = f'exec "{sys.executable}" "$@"' if name in pythons else "exit 1"
            (programs / name).write_text(f"#!/bin/sh\n{does}\n")
            (programs / name).chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["make", *arguments],
            cwd=tmp_path,
            env={"PATH": path},
            capture_output=True,
            text=True,
        )

    return run


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
class TestMake:
    @pytest.mark.parametrize(
        ("installed", "taken"),
        [
            (["python3"], "python3"),
            (["python3.11", "python3"], "python3.11"),
            (["python3", "python3.12", "python3.13"], "python3.13"),
        ],
    )
    def test_the_newest_python_that_has_everything_is_taken(
        self, make, installed, taken
    ):
        done = make("--dry-run", "compare", pythons=installed)
        assert f"\n{taken} -m venv .venv\n" in done.stdout, done.stderr

    @pytest.mark.parametrize("named", [(), ("PYTHON=python3",), ("PYTHON=nothing",)])
    def test_without_a_python_that_fits_it_says_so(self, make, named):
        done = make("compare", *named)
        assert done.returncode != 0
        said, stopped = done.stderr.splitlines()
        assert said.startswith("Skylark needs Python 3.11 or newer")
        assert stopped.startswith("make:")


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14", "3.15"])
def test_every_python_has_its_requirements(version):
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    wanted = [Requirement(line.partition("#")[0]) for line in lines if line[0] != "#"]
    names = [
        each.name
        for each in wanted
        if each.marker is None or each.marker.evaluate({"python_version": version})
    ]
    assert len(names) == len(set(names))
    assert {"numpy", "keras", "torch"} <= set(names)
    old = tuple(map(int, version.split("."))) < lazy.NO_TENSORFLOW
    assert ("tensorflow" in names) == old


def test_advice_without_tensorflow_can_be_followed(monkeypatch):
    monkeypatch.setattr(lazy, "NO_TENSORFLOW", sys.version_info[:2])
    assert lazy._advice("tensorflow", "tensorflow").startswith("requirements.txt has")
    assert "KERAS_BACKEND=torch" in lazy._advice("tensorflow", "keras")
