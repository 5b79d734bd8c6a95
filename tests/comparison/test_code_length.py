"""The count, on sources whose answer is known."""

import pytest

from comparison.counting.code_length import ROOT, count
from comparison.counting.private_code import count_class
from models import MODELS

FIXTURES = {  # source -> lines, statements, tokens
    "nothing": ("", 0, 0, 0),
    "blank and comment": ("\n# comment\n\nx = 1  # one\n", 1, 1, 3),
    "docstrings": (
        '"""Module."""\n\n\ndef f():\n    """Function,\n\n    long."""\n    return 1\n',
        2,
        2,
        7,
    ),
    "a string that is no docstring": ('x = 1\n"""text"""\n', 2, 2, 4),
    "multi-line string": ('x = """a\n\nb"""\n', 2, 1, 3),
    "semicolon": ("x = 1; y = 2\n", 1, 2, 7),
    "decorator": ("@f\ndef g(): pass\n", 2, 2, 8),
    "nested class": (
        'class A:\n    """A."""\n\n    class B:\n        """B."""\n\n        x = 1\n',
        3,
        3,
        9,
    ),
    "continued line": ("x = (\n    1,\n)\n", 3, 1, 6),
    "f-string": ('x = f"{a} and {b + 1:>3}"\n', 1, 1, 3),
    "f-string over lines": ('x = f"""{\na}"""\n', 2, 1, 3),
}


@pytest.mark.parametrize("name", FIXTURES)
def test_known_answers(name):
    source, lines, statements, tokens = FIXTURES[name]
    counted = count(source)
    found = counted["lines"], counted["statements"], counted["tokens"]
    assert found == (lines, statements, tokens)


def test_statements_do_not_depend_on_the_formatting():
    short = "x = f(a, b, c)\n"
    long = "x = f(\n    a,\n    b,\n    c,\n)\n"
    assert count(short)["statements"] == count(long)["statements"]
    assert count(short)["lines"] < count(long)["lines"]


@pytest.fixture(scope="module")
def classes():
    return {
        name: count_class(ROOT / "models.py", Model.__name__)
        for name, Model in MODELS.items()
    }


def test_private_code_is_what_only_one_class_reaches(classes):
    assert classes["skylark"]["private_files"] == [
        "frameworks/engines.py",
        "frameworks/layers.py",
        "frameworks/loss.py",
        "frameworks/optim.py",
    ]
    assert classes["keras"]["private_files"] == ["frameworks/floatx.py"]
    assert classes["torch"]["private_files"] == classes["tf"]["private_files"] == []


def test_private_code_is_counted_with_its_class(classes):
    for counted in classes.values():
        extra = sum(
            count((ROOT / file).read_text("utf-8"))["lines"]
            for file in counted["private_files"]
        )
        assert counted["with_private"]["lines"] == counted["class"]["lines"] + extra


def test_methods_add_up(classes):
    """A class is its header, its attributes and its methods."""
    for name, counted in classes.items():
        methods = sum(method["lines"] for method in counted["methods"].values())
        attributes = 4 if name == "skylark" else 1
        assert counted["class"]["lines"] == methods + 1 + attributes


def test_keras_writes_no_training_step(classes):
    assert "train_step" not in classes["keras"]["methods"]
    assert classes["torch"]["methods"]["train_step"]["lines"] > 5


def test_the_page_stays_readable(classes):
    """models.py is at most about 400 lines, and a class about 80."""
    text = (ROOT / "models.py").read_text("utf-8")
    assert len(text.splitlines()) <= 400
    assert max(counted["class"]["lines"] for counted in classes.values()) <= 85
    assert "fmt: off" not in text
