"""The count, on sources whose answer is known."""

import ast
import textwrap

import pytest

from comparison.counting import private_code
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


def test_nothing_has_no_bytes():
    """Though gzip writes a header."""
    assert count("# comment\n")["gzip_bytes"] == count()["gzip_bytes"] == 0


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
        "frameworks/layers/activations.py",
        "frameworks/layers/containers.py",
        "frameworks/layers/convolution.py",
        "frameworks/layers/dense.py",
        "frameworks/layers/pooling.py",
        "frameworks/layers/windows.py",
        "frameworks/loss.py",
        "frameworks/optim.py",
    ]
    assert classes["keras"]["private_files"] == ["frameworks/floatx.py"]
    assert classes["torch"]["private_files"] == []
    assert classes["tf"]["private_files"] == ["frameworks/variables.py"]


def test_private_code_is_counted_without_imports(classes):
    """Nor is what only annotations name: all that floatx.py has is used, as it is."""
    for name, counted in classes.items():
        sources = [
            (ROOT / file).read_text("utf-8") for file in counted["private_files"]
        ]
        extra = sum(count(source)["lines"] - imports(source) for source in sources)
        assert counted["own"]["lines"] <= extra
        if name == "keras":
            assert counted["own"]["lines"] == extra > 5


def imports(source):
    nodes = ast.parse(source).body
    found = [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    return sum(node.end_lineno - node.lineno + 1 for node in found)


def test_network_training_and_own_code_add_up(classes):
    for counted in classes.values():
        check_sums(counted)
        network = counted["methods"].get("network", {"lines": 0})
        assert counted["network"]["lines"] == network["lines"]


def check_sums(counted):
    for unit in ("lines", "statements", "tokens"):
        network, training, own = (
            counted[part][unit] for part in ("network", "training", "own")
        )
        assert counted["class"][unit] == network + training
        assert counted["with_private"][unit] == network + training + own


def test_methods_add_up(classes):
    """A class is its header, its attributes and its methods."""
    for name, counted in classes.items():
        methods = sum(method["lines"] for method in counted["methods"].values())
        attributes = 2 if name == "skylark" else 1
        assert counted["class"]["lines"] == methods + 1 + attributes


def test_keras_writes_no_training_step(classes):
    assert "train_step" not in classes["keras"]["methods"]
    assert classes["torch"]["methods"]["train_step"]["lines"] > 5


def test_the_page_stays_readable(classes):
    """models.py is at most 430 lines, and a class about 90."""
    text = (ROOT / "models.py").read_text("utf-8")
    assert len(text.splitlines()) <= 430
    assert max(counted["class"]["lines"] for counted in classes.values()) <= 92
    assert "fmt: off" not in text


# Pages of a project that is nothing but a folder.

PAGE = """
import parts
from parts import Part

def f(): pass

def g(): pass

class Left:
    def run(self):
{body}

class Right:
    pass

MODELS = {{"left": Left, "right": Right}}
"""
PARTS = """
import textwrap

class Part: pass

def unused(): pass
"""
BODIES = {  # the body of a method -> what it uses
    "a call": ("return f()", "page.py: f"),
    "an attribute of that name": ("return self.f", ""),
    "a keyword": ("return dict(f=1)", ""),
    "a string": ("return 'f'", ""),
    "an f-string": ("return f'{f()!r:>{g}}'", "page.py: f, page.py: g"),
    "a local variable": ("f = 1\nreturn f", ""),
    "a parameter": ("return lambda f, *g: f + g", ""),
    "a comprehension": ("return [f for f in g()]", "page.py: g"),
    "a nested class": ("class f: pass\nreturn f()", ""),
    "a nested function": ("def f(): pass\nreturn f()", ""),
    "a global in a function": ("def inner(): return f()", "page.py: f"),
    "a local of the outer function": ("f = 1\ndef inner(): return f", ""),
    "declared global": ("f = 1\ndef inner():\n    global f\n    f()", "page.py: f"),
    "the scope of a class": (
        "class C:\n    f = 1\n    def run(self): return f",
        "page.py: f",
    ),
    "the same by attribute": (
        "class C:\n    parts = 1\n    def run(self): return parts.Part()",
        "parts.py",
    ),
    "a decorator": ("@f\ndef inner(): pass", "page.py: f"),
    "a default": ("def inner(f=f): return f", "page.py: f"),
    "a base": ("class C(f, metaclass=g): pass", "page.py: f, page.py: g"),
    "annotations alone": ("def inner(x: f, *, y: g) -> f:\n    z: g = 1", ""),
    "an annotated value": ("x: int = f()", "page.py: f"),
    "an imported name": ("return Part()", "parts.py"),
    "an attribute of a module": ("return parts.Part().run", "parts.py"),
    "a local with the name of a module": ("parts = self\nreturn parts.Part()", ""),
    "a parameter with that name": ("return lambda parts: parts.Part()", ""),
    "an import in a function": ("from parts import Part as f\nf()", "parts.py"),
    "a pattern": ("match self:\n    case parts.Part(): pass", "parts.py"),
    "an assigned attribute": ("parts.Part.x = 1", "parts.py"),
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a function that writes files, all of which lie in the project."""
    monkeypatch.setattr(private_code, "ROOT", tmp_path)

    def write(files):
        for name, source in files.items():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(source)
        return tmp_path

    return write


@pytest.mark.parametrize("case", BODIES)
def test_names_are_followed_by_scope(project, case):
    body, expected = BODIES[case]
    page = PAGE.format(body=textwrap.indent(body, 8 * " "))
    counted = count_class(
        project({"page.py": page, "parts.py": PARTS}) / "page.py", "Left"
    )
    assert ", ".join(counted["private_files"]) == expected
    own = len(counted["private_files"])  # each of them is one line
    assert counted["own"]["lines"] == own
    check_sums(counted)


def test_what_stands_before_the_body_is_used_too(project):
    """Decorators, and bases that are no classes of ours; arguments' defaults."""
    page = """
def decorator(x): return x
def make(x): return x
def kind(x): return x
def default(): pass
def type(): pass
@decorator
class Left(make(object), metaclass=kind):
    def run(self, x: type = default) -> type: pass
"""
    counted = count_class(project({"page.py": page}) / "page.py", "Left")
    names = [place.removeprefix("page.py: ") for place in counted["private_files"]]
    assert names == ["decorator", "default", "kind", "make"]
    assert counted["class"]["lines"] == 3


INNER = """
import os

def one():
    return 1

@two
def two():
    return os

class Three:
    x = 1
    y = 2
    z = 3
"""
PACKAGE = {
    "__init__.py": "def top():\n    return 1\n",
    "pack/__init__.py": "from pack.inner import two\nfrom pack import inner\n",
    "pack/inner.py": INNER,
}
IMPORTS = {  # an import and a use -> lines of what is used
    "a name": ("from pack.inner import one", "one()", 2),
    "another name": ("from pack.inner import one as two", "two()", 2),
    "a module of a package": ("from pack import inner", "inner.one()", 2),
    "a re-export": ("from pack import two", "two()", 3),
    "a re-export by attribute": ("import pack", "pack.two()", 3),
    "a re-exported module": ("from pack import inner", "inner.two()", 3),
    "a dotted module": ("import pack.inner", "pack.inner.one()", 2),
    "a module by another name": ("import pack.inner as p", "p.one()", 2),
    "a relative module": ("from .pack.inner import one", "one()", 2),
    "a package beside": ("from . import pack", "pack.two()", 3),
    "what a package defines": ("from . import top", "top()", 2),
    "a star": ("from pack.inner import *", "one(), len(())", 2),
    "a module passed around": ("from pack import inner", "vars(inner)", 9),
    "a package passed around": ("import pack", "vars(pack)", 0),
    "what nobody defines": ("from pack import inner", "inner.four()", 0),
    "an installed package": ("import numpy", "numpy.zeros(1)", 0),
    "either of two": (
        "try:\n    from pack.inner import one\nexcept ImportError:\n    one = None",
        "one()",
        2 + 4,
    ),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_imports_lead_to_definitions(project, case):
    imported, used, lines = IMPORTS[case]
    body = textwrap.indent(f"return {used}", 8 * " ")
    page = f"{imported}\n{PAGE.format(body=body)}"
    folder = project({"page.py": page, **PACKAGE})
    counted = count_class(folder / "page.py", "Left")
    assert counted["own"]["lines"] == lines
    check_sums(counted)


def test_what_two_use_is_counted_for_none(project):
    page = """
def shared(): return deeper()
def deeper(): pass
def left(): return deeper()
class Left:
    def run(self): return shared(), left()
class Right:
    def run(self): return shared()
class Third:
    def run(self): return left()
MODELS = {"left": Left, "right": Right}
"""
    folder = project({"page.py": page})
    left, right, third = (
        count_class(folder / "page.py", name) for name in ("Left", "Right", "Third")
    )
    assert left["private_files"] == ["page.py: left"]
    assert right["private_files"] == []
    # The third is listed nowhere, as a user's class: it is compared with none.
    assert third["private_files"] == ["page.py: deeper", "page.py: left"]


def test_a_users_own_page_shares_nothing(tmp_path):
    """It is no file of the project, and only one class of it is compared with ours."""
    body = "        return f()"
    page = PAGE.format(body=body).replace("    pass\n", "    run = f\n")
    (tmp_path / "page.py").write_text(page)
    counted = count_class(tmp_path / "page.py", "Left")
    assert counted["own"]["lines"] == 1


def test_a_named_module_counts_as_a_whole(project):
    """But for what a rival uses, and with what it uses itself; not its imports."""
    page = "from parts import Part\n" + PAGE.format(body="        return Part")
    page = page.replace("    pass\n", "    run = Part\n")
    engine = "from pack.inner import one\nfrom parts import Part\nONE = one\nX = Part\n"
    files = {"parts.py": PARTS, "pack/inner.py": INNER, "engine.py": engine}
    folder = project({"page.py": page, **files})
    counted = count_class(folder / "page.py", "Left", ["engine", "parts"])
    assert counted["private_files"] == ["engine.py", "pack/inner.py", "parts.py"]
    assert counted["own"]["lines"] == 2 + 2 + 1
    check_sums(counted)


SMALL = """
class Contract:
    def network(self): return first()
    def build(self): pass
    def save(self): return second()

class Small(Contract):
    framework = "small"

    def __init__(self): pass

    @property
    def network(self):
        return third()

    def build(self):
        return fourth()

class Other: pass

def first(): pass
def second(): pass
def third(): pass
def fourth(): pass

MODELS = {"left": Small, "right": Other}
"""
FAMILY = """
from small import Contract, Other, Small

class Family:
    def sizes(self): return sizes()

class Left(Family, Small):
    def network(self):
        return layer(){more}

class Right(Family, Other):
    def network(self): return 1

def layer(): pass
def sizes(): pass

MODELS = {{"left": Left, "right": Right}}
"""


@pytest.fixture
def family(project):
    """Return a function that counts the left class of a changed page."""

    def changed(name="family.py", more="", old="", new=""):
        page = FAMILY.format(more=more)
        assert old in page
        folder = project({"small.py": SMALL, name: page.replace(old, new)})
        counted = count_class(folder / name, "Left")
        check_sums(counted)
        return counted

    return changed


def test_network_and_training_of_a_page(family):
    """The page's class, and that of the small network but for what is overridden."""
    counted = family()
    assert counted["network"]["lines"] == 3
    assert counted["training"]["lines"] == 1 + 1 + 1 + 2
    lines = {method: found["lines"] for method, found in counted["methods"].items()}
    assert lines == {"network": 2, "__init__": 1, "build": 2}
    assert counted["private_files"] == [
        "family.py: layer",
        "small.py: Contract",
        "small.py: fourth",
        "small.py: second",
    ]
    # The contract without `network`, for that is overridden too.
    assert counted["own"]["lines"] == 1 + 2 + 1 + 1


def test_a_method_called_by_super_is_used(family):
    counted = family(more=", super().network()")
    assert counted["training"]["lines"] == 1 + 1 + 1 + 2 + 3
    assert counted["methods"]["network"]["lines"] == 2 + 3
    assert "small.py: third" in counted["private_files"]
    assert "small.py: first" not in counted["private_files"]


def test_super_of_a_nested_class_is_another(family):
    nested = "\n        class C(list):\n            def f(self): super().network()"
    counted = family(more=nested)
    assert counted["training"] == family("other.py")["training"]


def test_a_class_that_is_named_is_used_as_a_whole(family):
    counted = family(more=", Small.network")
    assert counted["training"]["lines"] == 1 + 1 + 1 + 2 + 3
    assert "small.py: first" not in counted["private_files"]


def test_a_family_overrides_what_comes_after_it(family):
    """Bases from left to right, as Python looks for a method."""
    counted = family(old="def sizes(self)", new="def build(self)")
    assert "build" not in counted["methods"]
    assert "small.py: fourth" not in counted["private_files"]
    after = family("after.py", old="(Family, Small)", new="(Small, Family)")
    assert "build" in after["methods"]


def test_a_common_base_comes_last(family):
    """The contract of both, which Small overrides, overrides nothing."""
    counted = family(old="class Family:", new="class Family(Contract):")
    assert counted["methods"]["build"]["lines"] == 2
    assert "small.py: fourth" in counted["private_files"]


def test_a_base_of_two_classes_has_what_either_uses(project):
    page = """
class Left:
    def run(self): return First(), Second()
class Base:
    def one(self): return first()
    def two(self): return second()
class First(Base):
    def one(self): pass
class Second(Base):
    def two(self): pass
def first(): pass
def second(): pass
"""
    counted = count_class(project({"page.py": page}) / "page.py", "Left")
    names = [place.removeprefix("page.py: ") for place in counted["private_files"]]
    assert names == ["Base", "First", "Second", "first", "second"]
    assert counted["own"]["lines"] == 3 + 2 + 2 + 1 + 1


def test_a_base_of_which_nothing_is_left_is_not_counted(family):
    base = "class Base:\n    def network(self): return 0\n\n"
    counted = family(old="class Left(", new=f"{base}class Left(Base, ")
    assert "family.py: Base" in counted["private_files"]
    assert counted["own"] == family("other.py")["own"]


def test_names_that_stand_for_themselves_end(project):
    """A class named as its base, and modules that import each other's names."""
    page = (
        "from parts import *\nfrom small import Left\nclass Left(Left): x = nothing\n"
    )
    small = "class Left:\n    def run(self): pass\n"
    files = {"small.py": small, "parts.py": "from page import *\n"}
    folder = project({"page.py": page, **files})
    counted = count_class(folder / "page.py", "Left")
    assert counted["private_files"] == ["small.py"]


def test_a_network_alone_is_the_class(project):
    """A user's class that writes only that is still counted with its first line."""
    page = "class Left:\n    def network(self):\n        return 1\n"
    counted = count_class(project({"page.py": page}) / "page.py", "Left")
    check_sums(counted)
    assert counted["class"]["lines"] == 3


def test_methods_with_text_at_the_margin(project):
    page = 'class Left:\n    def network(self):\n        return """\n"""\n    x = 1\n'
    counted = count_class(project({"page.py": page}) / "page.py", "Left")
    assert counted["network"]["lines"] == 3
    assert counted["training"]["lines"] == 2


def test_a_line_with_two_definitions_is_counted_once(project):
    page = "a = 1; b = 2\nclass Left:\n    x = a, b\n"
    counted = count_class(project({"page.py": page}) / "page.py", "Left")
    assert counted["private_files"] == ["page.py: a", "page.py: b"]
    assert counted["own"]["lines"] == 1
