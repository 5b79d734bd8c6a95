"""report.html: whole, escaped, in two languages, and as small as is said."""

import base64
import hashlib
import io
import re
import tomllib
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import resvg_py
from PIL import Image
from sklearn.metrics import confusion_matrix

import compare
from comparison import results
from comparison.processes import inside
from comparison.report import again
from comparison.report.page import figures, pictures, write
from comparison.report.page.words import FILE, LANGUAGES, Words
from comparison.statistics.significance import MIN_ROUNDS
from models import MODELS, Skylark_CNN
from tests.comparison.test_outputs import made_up

HOSTILE = '<script>alert("1")</script>\'"&'


class Elements(HTMLParser):
    """All elements of a page, with their attributes, and the text outside of code."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def four():
    """A run of the four classes with six seeds, whose numbers are made up."""
    run = made_up(6)
    names = dict(zip(MODELS, MODELS.values(), strict=True))
    first = [t for t in run["trials"] if t["model"] == "skylark"]
    losses = {"loss": [2.0, 1.5], "accuracy": [0.2, 0.4], "seconds": [2.0, 1.0]}
    more = {"history": losses, "peak_memory_bytes": 10**8}
    run["trials"] = [t | more | {"model": name} for t in first for name in names]
    run["settings"]["models"] = list(names)
    for part, key in ((run, "contestants"), (run["code"], "classes"), (run, "summary")):
        part[key] = dict.fromkeys(names, part[key]["skylark"])
    run["contestants"] = {
        name: about
        | {"title": names[name].__name__, "class": f"models:{names[name].__name__}"}
        for name, about in run["contestants"].items()
    }
    proved = run["sameness"]["models"]["skylark"]
    run["sameness"]["models"] = dict.fromkeys(names, proved)
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what a trained network has left of its inside."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (60, 12, 12, 3), dtype=np.uint8)
    y = np.arange(60) % 10
    model = Skylark_CNN(filters=(4, 6), epochs=1, random_state=0).fit(X, y)
    path = tmp_path_factory.mktemp("run")
    inside.write(path / results.INSIDE, inside.look(model, X, y))
    return path


class TestOneFile:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_nothing_comes_from_outside(self, four, folder, language):
        page = Elements(text := write.page([four], [folder], language))
        for tag, attributes in page.found:
            for name in ("src", "href", "data", "action"):
                assert attributes.get(name, "#").startswith(("#", "data:image/png")), (
                    tag
                )
            assert not any(name.startswith("on") for name in attributes), tag
            assert "style" not in attributes, tag
        (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
        assert policy.startswith("default-src 'none'")
        for tag in ("script", "style"):
            (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest())
            assert f"{tag}-src 'sha256-{digest.decode()}'" in policy
        assert page.all("html") == [{"lang": language}]

    def test_sizes(self, four, folder, tmp_path):
        """Of four models and six seeds, with all code of theirs."""
        assert len(write.page([four], [tmp_path])) < 500_000
        assert len(write.page([four], [folder])) < 1_500_000

    def test_headings_are_in_order_and_links_lead_somewhere(self, four, folder):
        page = Elements(write.page([four], [folder]))
        levels = [int(t[1]) for t, _ in page.found if re.fullmatch("h[1-6]", t)]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))
        ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert {a["href"][1:] for a in page.all("a")} <= set(ids)
        assert all(image["alt"] for image in page.all("img"))
        assert all(figure["aria-label"] for figure in page.all("svg"))

    def test_without_pictures_it_says_why(self, four, folder, tmp_path):
        assert "No inside.npz lies beside" in write.page([four], [tmp_path])
        whole = (folder / results.INSIDE).read_bytes()
        for damaged in (b"", whole[: len(whole) // 2], b"PK" + bytes(99)):
            (tmp_path / results.INSIDE).write_bytes(damaged)
            assert "inside.npz cannot be read" in write.page([four], [tmp_path])
        np.savez(tmp_path / results.INSIDE, label=np.array({}, object))
        assert "inside.npz cannot be read" in write.page([four], [tmp_path])

    def test_without_a_trial(self, four, tmp_path):
        rows = {m: {"trials": 0, "ratios": {}, "error": "boo"} for m in four["summary"]}
        text = write.page([four | {"trials": [], "summary": rows}], [tmp_path])
        assert "No trial has finished." in text
        assert "skylark: boo" in text


class TestWhatComesFromOutside:
    def test_is_escaped(self, folder):
        run = made_up(6)
        clean = Elements(write.page([run], [folder]))
        attributes = {name for _, found in clean.found for name in found}
        for about in run["contestants"].values():
            about["title"] = HOSTILE
        run["dataset"] |= {
            "name": HOSTILE,
            "classes": [f"{HOSTILE}{i}" for i in range(10)],
        }
        run["summary"]["torch"]["error"] = run["note"] = run["command"] = HOSTILE
        run["environment"]["cpu"] = HOSTILE
        run["sameness"] |= {"passed": False}
        run["sameness"]["models"]["torch"] |= {"passed": False, "error": HOSTILE}
        for texts in ([run], [run, run | {"version": HOSTILE}]):
            text = write.page(texts, [folder] * len(texts))
            page = Elements(text)
            assert len(page.all("script")) == 1
            assert "<script>alert" not in text
            assert "alert(&#34;1&#34;)" in text or "alert(&quot;1&quot;)" in text
            assert {a for _, found in page.found for a in found} <= attributes

    def test_a_class_that_is_not_here(self, tmp_path):
        text = write.page([made_up(2)], [tmp_path])
        assert "The source of these classes is not here" in text

    def test_names_that_are_long(self, four, tmp_path):
        run = made_up(6)
        run["contestants"]["torch"]["title"] = "N" * 9000
        for figure in figures.all_figures(run, Words("en")):
            assert "N" * 40 not in figure.canvas.svg("")
        assert len(write.page([run], [tmp_path])) < 500_000

    @pytest.mark.parametrize(
        ("family", "rows"), [("CNN", 1), ("Speedrun", 2), ("EfficientNet", 2)]
    )
    def test_legends_end_inside_of_the_figure(self, four, family, rows):
        """And the axes begin below them; a letter is 6 pixels wide, or less."""
        titles = [f"{name}_{family}" for name in ("Skylark", "Keras", "Torch", "TF")]
        about = four["contestants"]
        run = four | {
            "contestants": {
                model: about[model] | {"title": title}
                for model, title in zip(about, titles, strict=True)
            }
        }
        names = ("accuracy-epochs", "loss-seconds", "length-speed")
        found = {f.name: f.canvas for f in figures.all_figures(run, Words("en"))}
        for canvas in map(found.get, names):
            root = ET.fromstring(canvas.svg("figure"))
            texts = {t.text: t for t in root.iter() if t.tag.endswith("text")}
            placed = [texts[title] for title in titles]
            for text in placed:
                assert float(text.get("x")) + 6 * len(text.text) < canvas.width
            heights = sorted({float(text.get("y")) for text in placed})
            assert len(heights) == rows
            lines = [p.get("points") for p in root.iter() if p.get("class") == "grid"]
            tops = [float(y) for line in lines for y in re.findall(r",([\d.]+)", line)]
            assert min(tops) > heights[-1]
            assert canvas.height == figures.HEIGHT + figures.ROW * (rows - 1)


class TestWords:
    def test_both_languages_say_the_same(self):
        for name, entry in tomllib.loads(FILE.read_text("utf-8")).items():
            assert entry.keys() == set(LANGUAGES), name
            filled = [sorted(re.findall(r"{\w+}", text)) for text in entry.values()]
            assert filled[0] == filled[1], name

    def test_how_many_seeds_a_difference_takes(self):
        assert MIN_ROUNDS == 3
        assert "three seeds" in Words("en")["def_ratio"]
        assert "三个种子" in Words("zh")["def_ratio"]

    def test_none_is_left_over(self):
        used = "".join(
            path.read_text("utf-8")
            for path in FILE.parents[1].rglob("*")
            if path.suffix in (".py", ".html")
        )
        begins = ("col_", "def_", "label_", "figure_", "axis_", "part_")
        for name in Words("en").texts:
            word = re.compile(rf"\b{name}\b")
            assert name.startswith(begins) or word.search(used), name

    def test_chinese_has_no_english_labels(self, four, folder):
        page = write.page([four], [folder], "zh")
        english = {t for t in Words("en").texts.values() if len(t) > 12}
        heads = re.findall(r"<h[123][^>]*>([^<]+)<", page)
        assert english.isdisjoint(heads)
        assert any("结果" in head for head in heads)


class TestNumbers:
    def test_the_table_has_the_medians_and_the_marks(self, four, tmp_path):
        run = made_up(8)
        text = write.page([run], [tmp_path])
        row = re.search(r'<th scope="row">[^T]*Torch_CNN.*?</tr>', text, re.DOTALL)[0]
        speed = run["summary"]["torch"]["train_images_per_second"]["median"]
        assert f"<span>{speed:,.0f}</span>" in row
        ratio = run["summary"]["torch"]["ratios"]["train_images_per_second"]
        assert ratio["differs"]
        assert f">{ratio['median']:.2f}*</b>" in row

    def test_the_largest_distance(self, four):
        trials = [dict(trial) for trial in four["trials"]]
        history = trials[5]["history"]
        moved = [v + 0.25 for v in history["loss"]]
        trials[5]["history"] = history | {"loss": moved}
        loss, accuracy = figures.largest_distance(four | {"trials": trials})
        assert loss == pytest.approx(0.25)
        assert accuracy == 0
        alone = four | {"trials": [t for t in trials if t["model"] == "tf"]}
        assert figures.largest_distance(alone) is None

    def test_marks_stand_where_the_numbers_are(self, four):
        """Twice the speed is twice as far from 0."""
        trials = [dict(trial) for trial in four["trials"]]
        for trial in trials:
            factor = 2 if trial["model"] == "tf" else 1
            trial["images_per_second"] = {"train": 100.0 * factor, "predict": 1.0}
        found = figures.all_figures(four | {"trials": trials}, Words("en"))
        (speed,) = [figure for figure in found if figure.name == "speed"]
        root = ET.fromstring(speed.canvas.svg("speed"))
        bars = [r for r in root.iter() if r.tag.endswith("rect")]
        widths = [float(bar.get("width")) for bar in bars]
        assert widths[3] == pytest.approx(2 * widths[0], rel=0.01)

    @pytest.mark.parametrize(
        ("last", "unit", "label"), [(300.0, "seconds", "500"), (900.0, "minutes", "15")]
    )
    def test_long_curves_are_over_minutes(self, four, last, unit, label):
        """The longest fit decides: 200 s and `last`, of one trial of many."""
        trials = [dict(trial) for trial in four["trials"]]
        trials[3]["history"] = trials[3]["history"] | {"seconds": [200.0, last]}
        found = figures.all_figures(four | {"trials": trials}, Words("en"))
        (curves,) = [f for f in found if f.name == f"accuracy-{unit}"]
        root = ET.fromstring(curves.canvas.svg("curves"))
        texts = [t.text for t in root.iter() if t.tag.endswith("text")]
        assert unit in texts
        assert label in texts
        assert unit in curves.title

    def test_code_stands_method_by_method(self, four, tmp_path):
        text = write.page([four], [tmp_path])
        heads = re.findall(r"<h3><code>(.*?)</code></h3>", text)
        assert heads == [
            *("__init__", "network", "build", "forward", "train_step"),
            *("# forward", "# loss", "# backward", "# update"),
            *("fit_loop", "predict_logits", "get_weights", "set_weights"),
        ]
        assert "The code has changed since this run" in text  # the counts are made up

    def test_code_is_all_there(self):
        from comparison.contestants import find_all
        from comparison.counting.classes import count_all
        from comparison.report.page.sources import side_by_side

        contestants = find_all(list(MODELS), MODELS)
        shown = side_by_side({"code": count_all(contestants)}, contestants)
        assert not shown.changed
        for n, column in enumerate(shown.columns):
            lines = sum(row.cells[n].lines for row in shown.rows if row.cells[n])
            assert lines == column.lines, column.class_name
            own = sum(cell.lines for _, cell in column.own)
            assert own == column.together - column.lines, column.class_name

    def test_code_of_a_deep_network(self):
        import networks
        from comparison.contestants import find_all
        from comparison.counting.classes import count_all
        from comparison.report.page.sources import side_by_side

        contestants = find_all(list(MODELS), networks.load("resnet8")[0])
        shown = side_by_side({"code": count_all(contestants)}, contestants)
        assert [column.class_name for column in shown.columns] == [
            *("Skylark_ResNet", "Keras_ResNet", "Torch_ResNet", "TF_ResNet"),
        ]
        names = [row.name for row in shown.rows if not row.phase]
        assert names[2:5] == ["network", "build", "forward"]
        for n, column in enumerate(shown.columns):
            lines = sum(row.cells[n].lines for row in shown.rows if row.cells[n])
            assert lines == column.lines, column.class_name


class TestInside:
    def test_it_is_what_the_model_makes_of_images(self):
        rng = np.random.default_rng(0)
        X = rng.integers(0, 256, (80, 12, 12, 3), dtype=np.uint8)
        y = np.array(["a", "b", "c", "d"])[np.arange(80) % 4]
        model = Skylark_CNN(filters=(4,), epochs=8, random_state=0).fit(X, y)
        kept = inside.look(model, X, y)
        expected = confusion_matrix(y, model.predict(X))
        np.testing.assert_array_equal(kept["confusion"], expected)
        features = model.transform(kept["image"][None], "conv1").reshape(10, 10, 4)
        np.testing.assert_array_equal(kept["features/conv1"], features)
        wrong = model.predict(kept["wrong_images"])
        assert len(wrong)
        np.testing.assert_array_equal(model.classes_[kept["wrong_predicted"]], wrong)
        assert (kept["wrong_labels"] != kept["wrong_predicted"]).all()
        assert (np.diff(kept["wrong_sure"]) <= 0).all()

    def test_pictures_show_it(self, four, folder):
        shown = pictures.read(folder, four, Words("en"))
        kept = np.load(folder / results.INSIDE)
        data = base64.b64decode(shown.image.uri.partition(",")[2])
        image = np.asarray(Image.open(io.BytesIO(data)))
        np.testing.assert_array_equal(image, kept["image"])
        assert [layer.caption for layer in shown.layers] == [
            name.removeprefix("features/") for name in kept if name.startswith("feat")
        ]
        total = sum(map(int, re.findall(r'class="count"[^>]*>(\d+)<', shown.confusion)))
        assert total == 60


class TestTwoRuns:
    def test_a_banner_and_marks(self, folder):
        first, second = made_up(6), made_up(6)
        second["environment"]["cpu"] = "another"
        second["settings"]["epochs"] = 9
        text = write.page([first, second], [folder, folder])
        assert "not paired in time" in text
        assert "different machines, or with different software: cpu." in text
        assert '<b class="differs">settings.epochs</b></th><td>2</td><td>9</td>' in text
        heads = re.findall(r'<th scope="col">([^<]+)</th>', text)
        assert [h for h in heads if "img/s" in h][:2] == [
            "train img/s 1",
            "train img/s 2",
        ]
        again = write.page([first, first], [folder, folder])
        assert "different machines" not in again
        assert "Nothing: both runs" in again


class TestCommand:
    @pytest.fixture
    def run(self, four, tmp_path):
        results.write(tmp_path, four)
        return str(tmp_path)

    def test_html(self, run, tmp_path, capsys):
        file = tmp_path / "page.html"
        code = compare.main(["--show", run, "--html", str(file), "--language", "zh"])
        assert code == 0
        assert capsys.readouterr().out.replace("\n", "") == str(file)
        assert '<html lang="zh">' in file.read_text("utf-8")

    def test_plot(self, run, tmp_path, capsys):
        assert compare.main(["--show", run, "--plot", str(tmp_path / "slides")]) == 0
        worded = again.WORDLESS not in capsys.readouterr().err
        names = {file.stem for file in (tmp_path / "slides").iterdir()}
        assert {"loss-epochs", "times", "length-speed", "speed", "memory"} <= names
        for name in names:
            ET.parse(tmp_path / "slides" / f"{name}.svg")
            picture = Image.open(tmp_path / "slides" / f"{name}.png")
            assert picture.width > 1500
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 5, "it is blank"
        if not worded:
            pytest.skip("no font was found here, so PNGs have no words")

    def test_plot_without_fonts(self, run, tmp_path, capsys, monkeypatch):
        draw = resvg_py.svg_to_bytes
        monkeypatch.setattr(
            resvg_py,
            "svg_to_bytes",
            lambda **how: draw(**how | {"skip_system_fonts": True}),
        )
        assert compare.main(["--show", run, "--plot", str(tmp_path / "slides")]) == 0
        assert again.WORDLESS in capsys.readouterr().err
        assert (tmp_path / "slides" / "speed.png").exists()

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (["--html", "x.html"], "--html needs --show DIR: which run?"),
            (["--plot", "x"], "--plot needs --show DIR: which run?"),
            (["--show", "A", "A", "--plot", "x"], "--plot takes one run"),
            (["--show", "A", "A", "A", "--html", "x"], "one folder, or two"),
            (["--show", "A", "--html", "no/where.html"], "No such file or directory"),
            (["--show", "nowhere", "--html", "x.html"], "holds no results.json"),
        ],
    )
    def test_wrong_use(self, run, options, reason, capsys, monkeypatch):
        monkeypatch.chdir(run)
        assert compare.main([run if o == "A" else o for o in options]) == 2
        assert reason in capsys.readouterr().err

    def test_a_missing_package(self, run, capsys, monkeypatch, tmp_path):
        import sys

        monkeypatch.setitem(sys.modules, "resvg_py", None)
        monkeypatch.delitem(sys.modules, "comparison.report.page.write", False)
        monkeypatch.delattr("comparison.report.page.write", raising=False)
        assert compare.main(["--show", run, "--html", str(tmp_path / "x.html")]) == 2
        assert (
            "needs the package resvg_py: pip install resvg_py"
            in capsys.readouterr().err
        )
