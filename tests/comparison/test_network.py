"""Any network by its name, with other sizes: --network, --size and what they refuse."""

import pytest

import networks
from comparison import network, results
from comparison.command_line import parser
from comparison.contestants import find
from networks import resnet
from tests.comparison.own_classes import __name__ as own
from tests.comparison.test_compare import QUICK, compare

TINY = ["--network", "resnet8", "--size", "width=8", "--train-size", "80"]


def chosen(*options, earlier=None):
    return network.choose(parser().parse_args(options), earlier)


@pytest.mark.parametrize("name", networks.NAMES)
def test_every_preset_has_its_name(name):
    assert chosen("--network", name)["name"] == name


@pytest.mark.parametrize(
    ("options", "name", "sizes"),
    [
        ([], "seed", {"filters": [8], "hidden_units": []}),
        (["--size", "filters=8"], "seed", {"filters": [8], "hidden_units": []}),
        (["--size", "activation=relu"], "seed", {"filters": [8], "hidden_units": []}),
        (
            ["--size", "activation=none", "filters=none"],
            None,
            {"filters": [], "hidden_units": [], "activation": None},
        ),
        (
            ["--filters", "4", "5", "--hidden-units", "6"],
            None,
            {"filters": [4, 5], "hidden_units": [6]},
        ),
        (
            ["--network", "resnet20", "--size", "width=8", "--size", "blocks=1,2"],
            None,
            {"blocks": [1, 2], "width": 8},
        ),
    ],
)
def test_sizes_are_read_by_their_kind(options, name, sizes):
    assert chosen(*options)["name"] == name
    assert chosen(*options)["sizes"] == sizes


def test_words_and_truths_are_read_by_the_familys_default():
    def read(default, text):
        return network._reading(default)[1](text)

    assert read(True, "false") is False
    assert read(None, "none") is None
    assert read("relu", "ReLU6") == "ReLU6"
    assert read((1,), "2,3") == [2, 3]
    with pytest.raises(KeyError):
        read(False, "no")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--network", "resnet9"], "did you mean 'resnet8'"),
        (["--size", "width=8"], "the family 'cnn' has no size 'width'; its sizes are"),
        (["--size", "filters"], "--size filters is not NAME=VALUE; its sizes are"),
        (
            ["--network", "resnet8", "--size", "width=2.5"],
            "width must be a whole number; its sizes are blocks=1,1,1, width=16, bott",
        ),
        (
            ["--network", "resnet8", "--size", "blocks=1,x"],
            "blocks must be a list of whole numbers",
        ),
        (["--network", "resnet8", "--size", "width=0"], "Got 0 instead; its sizes are"),
        (["--network", "resnet8", "--size", "blocks=1,0"], "got (1, 0); its sizes are"),
        (["--size", "activation=tanh"], "Got 'tanh' instead; its sizes are"),
        (["--network", "resnet8", "--filters", "8"], "no size 'filters'; its sizes"),
        (["--network", "resnet8", "--hidden-units"], "no size 'hidden_units'; its"),
    ],
)
def test_wrong_use(options, sentence):
    done = compare(*options)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_captions():
    assert network.in_words(chosen()) == "filters 8, hidden units none"
    assert network.in_words(chosen("--network", "resnet20")) == (
        "resnet20: blocks 3, 3, 3, width 16"
    )
    assert network.in_words(chosen("--network", "resnet20", "--size", "width=1")) == (
        "resnet: blocks 3, 3, 3, width 1"
    )


def test_an_earlier_runs_network_is_kept_and_must_agree():
    earlier = chosen("--network", "resnet20", "--size", "width=8")
    assert chosen(earlier=earlier) == earlier
    assert chosen("--size", "width=8", earlier=earlier)["sizes"] == earlier["sizes"]
    network.agree(chosen("--size", "width=8", earlier=earlier), earlier)
    for options, sentence in {
        ("--size", "width=9"): "--size width 9 does not agree .* which has 8",
        ("--network", "resnet20"): "--size width 16 does not agree",
        ("--network", "small"): "--network small does not agree",
        ("--network", "seed", "--filters", "3"): "--network cnn does not agree",
    }.items():
        with pytest.raises(ValueError, match=sentence):
            network.agree(chosen(*options, earlier=earlier), earlier)


def test_the_proof_is_narrow():
    assert network.narrowed(chosen("--network", "resnet20")) == {
        "blocks": [3, 3, 3],
        "width": 4,
    }


def test_contestants_are_the_pages_classes():
    plain = find("skylark:plain", resnet.MODELS)
    assert plain.title == "Skylark_ResNet (plain)"
    assert plain.path == "networks.resnet:Skylark_ResNet"
    assert plain.file.name == "resnet.py"
    assert find("keras:torch", resnet.MODELS).title == "Keras_ResNet (torch)"


def test_a_pages_classes_are_counted():
    done = compare("--count-only", "--network", "resnet8", "--models", "tf", "torch")
    assert done.returncode == 0, done.stderr
    assert "TF_ResNet" in done.stdout
    assert "Torch_ResNet" in done.stdout
    assert "TF_CNN" not in done.stdout.partition("By method")[0]


@pytest.mark.torch
def test_a_deep_network_is_compared(tmp_path):
    """A user's own class of the same family gets the network's sizes too."""
    models = ["--models", "skylark", "torch", f"{own}:DeepSubclass"]
    done = compare(*QUICK, *TINY, *models, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    run = results.read(tmp_path / "out")
    assert run["network"] == {
        "name": None,
        "family": "resnet",
        "sizes": {"blocks": [1, 1, 1], "width": 8},
    }
    assert run["sameness"]["passed"]
    assert run["contestants"]["skylark"]["ways"]["by tiles"] == 4  # not with strides
    assert "ways" not in run["contestants"]["torch"]
    # Those that are trained: running statistics, 336 numbers more, are not.
    assert {trial["parameters"] for trial in run["trials"]} == {19_810}
    for line in ("Torch_ResNet", "resnet: blocks 1, 1, 1, width"):
        assert line in " ".join(done.stdout.split())
    for options, code in ((["--size", "width=8"], 0), (["--size", "width=3"], 2)):
        assert compare("--resume", tmp_path / "out", *options).returncode == code
