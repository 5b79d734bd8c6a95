"""Names of --models: engines, Keras's backends, and classes of a user's own."""

import subprocess
import sys

import numpy as np
import pytest

from comparison import results
from comparison.contestants import BACKENDS, ENGINES, find
from comparison.counting.code_length import ROOT, count
from comparison.counting.private_code import count_class
from comparison.sameness import evidence
from models import Skylark_CNN
from networks import resnet
from tests.comparison.test_compare import QUICK, SKYLARK, compare

MINE = '''
import {framework}
from models import Skylark_CNN
from networks import resnet
from near.helpers import halve
import numpy as np


def unused():
    return 0


def doubled(x):
    return 2 * x  # comments are not counted


class Net(Skylark_CNN):
    """The same network, which takes its time."""

    framework = "numpy"

    def train_step(self, x, y, w):
        return super().train_step(doubled(halve(x)), y, w)
'''


@pytest.fixture
def mine(tmp_path):
    """A folder of a user's own, with a class in a package."""
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "helpers.py").write_text("def halve(x):\n    return x / 2\n")
    (tmp_path / "near" / "net.py").write_text(MINE.format(framework="textwrap"))
    return tmp_path


def compare_in(folder, *options):
    """Run compare.py from a user's own folder."""
    return subprocess.run(
        [sys.executable, str(ROOT / "compare.py"), *map(str, options)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_users_class_is_found_from_the_current_folder(mine):
    models = ["--models", "skylark", "near.net:Net"]
    done = compare_in(mine, *SKYLARK, *models, "--out", mine / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    run = results.read(mine / "out")
    first, second = run["trials"]
    assert second["status"] == "ok"
    assert second["test_accuracy"] == first["test_accuracy"]
    assert set(second["seconds"]) == set(first["seconds"])
    assert run["sameness"]["models"]["near.net:Net"]["passed"]
    for output in ("table.md", "table.csv", "table.tex"):
        text = (mine / "out" / output).read_text()
        assert "net:Net" in text
    assert "(as written)" in done.stdout
    assert str(mine) not in (mine / "out" / "results.json").read_text().replace(
        str(mine / "out"), ""
    )


def test_a_users_class_is_counted_with_what_it_uses(mine):
    file = mine / "near" / "net.py"
    counted = count_class(file, "Net")
    assert counted["class"]["lines"] == 4
    engine = ["frameworks.fast.net"]  # which nothing imports by name
    house = count_class(ROOT / "models.py", "Skylark_CNN", engine)
    assert counted["private_files"] == [
        *house["private_files"],
        "models.py: Skylark_CNN",
        "near/helpers.py",
        "near/net.py: doubled",
    ]
    lines = house["with_private"]["lines"] + 4 + 2 + 2
    assert counted["with_private"]["lines"] == lines
    assert counted["own"]["lines"] == lines - 4
    assert counted["network"]["lines"] == 0  # it writes no method of that name


def test_an_engines_module_is_counted_alone():
    """A module that is named, not imported, and what only it uses."""
    plain = count_class(ROOT / "models.py", "Skylark_CNN")
    more = count_class(
        ROOT / "models.py", "Skylark_CNN", further=["benchmarks.contract_overhead"]
    )
    source = (ROOT / "benchmarks" / "contract_overhead.py").read_text()
    assert "benchmarks/contract_overhead.py" in more["private_files"]
    lines = plain["with_private"]["lines"] + count(source)["lines"]
    assert more["with_private"]["lines"] >= lines
    shared = count_class(ROOT / "models.py", "TF_CNN", further=["frameworks.base"])
    assert shared == count_class(ROOT / "models.py", "TF_CNN")


def test_the_count_imports_no_framework_and_no_class(mine):
    """Not even where the user's module would; it is read, not run."""
    file = mine / "near" / "net.py"
    file.write_text(MINE.format(framework="torch, tensorflow, keras"))
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import compare\n"
        "assert compare.main(['--count-only', '--models', 'tf', 'near.net:Net']) == 0\n"
        "names = {'tensorflow', 'keras', 'torch', 'near', 'near.net'}\n"
        "assert not names & sys.modules.keys(), names & sys.modules.keys()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=mine, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "as written, in any format: net:Net" in done.stdout


def test_another_network_is_refused_and_can_be_allowed(tmp_path):
    linear = "tests.comparison.own_classes:Linear"
    options = [*SKYLARK, "--models", "skylark", linear]
    done = compare(*options, "--out", tmp_path / "a")
    assert done.returncode == 1
    assert "NOT ONE NETWORK" in done.stdout
    first, second = results.read(tmp_path / "a")["trials"]
    assert (first["status"], second["status"]) == ("ok", "failed")
    assert "--allow-different" in second["error"]

    done = compare(*options, "--allow-different", "--out", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    assert results.read(tmp_path / "b")["trials"][1]["status"] == "ok"
    assert not results.read(tmp_path / "b")["sameness"]["passed"]
    assert "DIFFERENT NETWORKS" in done.stdout
    beside = compare("--show", tmp_path / "b", tmp_path / "a").stdout
    for output in ("table.md", "table.tex"):
        assert "(different, as written)" in (tmp_path / "b" / output).read_text()
    assert "(different" in done.stdout
    assert "(different" in beside
    header, _, line = (tmp_path / "b" / "table.csv").read_text().splitlines()
    values = dict(zip(header.split(","), line.split(","), strict=True))
    assert values["different"] == "True"


def test_other_threads_than_asked_for_are_said(tmp_path):
    more = "tests.comparison.own_classes:MoreThreads"
    done = compare(*SKYLARK, "--models", more, "--out", tmp_path / "out")
    (trial,) = results.read(tmp_path / "out")["trials"]
    assert 3 in trial["threads"].values()
    text = " ".join(done.stdout.split())
    assert "THREADS DIFFER from the 1 asked for" in text
    assert "THREADS DIFFER" in (tmp_path / "out" / "table.md").read_text()


@pytest.mark.keras
@pytest.mark.torch
def test_keras_on_other_backends(tmp_path):
    models = ["--models", "skylark", "keras:torch", "keras:jax"]
    done = compare(*QUICK, *models, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    run = results.read(tmp_path / "out")
    first, torch, jax = run["trials"]
    assert torch["status"] == "ok"
    assert torch["threads"]["torch"] == 1
    assert "tensorflow" not in torch["threads"]
    assert torch["test_accuracy"] == pytest.approx(first["test_accuracy"], abs=1 / 360)
    assert run["sameness"]["models"]["keras:torch"]["dtype"] == "float32"
    assert "in float32: outputs within" in done.stdout
    if jax["status"] != "ok":
        assert jax["status"] == "skipped"
        assert jax["error"] == "JAX is not installed: pip install jax."


@pytest.mark.skipif(
    "engine" not in Skylark_CNN().get_params(), reason="there is one engine here"
)
def test_engines(tmp_path):
    names = [f"skylark:{engine}" for engine in ENGINES]
    few = ["--filters", "2"]  # loops take their time
    done = compare(*QUICK, *few, "--models", *names, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr


def test_names():
    assert find("keras").environment == {"KERAS_BACKEND": "tensorflow"}
    for backend in BACKENDS:
        assert find(f"keras:{backend}").environment == {"KERAS_BACKEND": backend}
    assert find("skylark:plain").parameters == {"engine": "plain"}
    assert find("torch").title == "Torch_CNN"
    assert find("skylark").engine == "fast"
    deep = find("skylark", resnet.MODELS)
    assert (deep.title, deep.engine) == ("Skylark_ResNet", "shared")
    assert deep.further == ("frameworks.fast.shared",)
    with pytest.raises(ValueError, match="did you mean 'skylark:plain'"):
        find("skylark:plane")


def test_a_file_that_is_no_python(mine):
    (mine / "near" / "net.py").write_text("class Net(:\n")
    done = compare_in(mine, "--models", "near.net:Net")
    assert done.returncode == 2
    assert "is not Python" in done.stderr
    assert done.stderr.count("\n") == 1


def test_float32_limits_catch_what_is_no_rounding():
    worst = {name: limit * 1.01 for name, limit in evidence.LIMITS_FLOAT32.items()}
    assert not evidence.within_limits(worst, "float32")
    assert not evidence.within_limits(dict.fromkeys(worst, np.nan), "float32")
    assert evidence.within_limits(dict.fromkeys(worst, 1e-6), "float32")
    assert not evidence.within_limits(dict.fromkeys(worst, 1e-6))
