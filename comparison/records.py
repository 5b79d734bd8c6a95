"""The records of results.json: one type each, as it is written and read.

The file is strict JSON, and a record is the dict that stands in it: nothing is
converted. Import the module and say `records.Trial`.
"""

from typing import Any, Literal, NotRequired, TypedDict

from comparison.settings import Settings

Deviation = Literal[
    "outputs_max_rel",
    "gradient_max_rel",
    "loss_max_rel",
    "weights_max_rel",
    "moved_max_rel",
    "state_max_rel",
    "logits_max_abs",  # the limit of outputs in schema 1; later to be read only
]
Measure = Literal[
    "test_accuracy",
    "test_accuracy_plain",
    "train_accuracy",
    "train_images_per_second",
    "predict_images_per_second",
    "import_seconds",
    "build_seconds",
    "first_step_seconds",
    "fit_seconds",
    "predict_seconds",
    "peak_memory_bytes",
]


class Environment(TypedDict):
    """The machine and the packages, with None for a package that is not installed."""

    python: str
    os: str
    cpu: str
    cores: int
    threads: int
    gpu: str | None
    packages: dict[str, str | None]


class Dataset(TypedDict):
    """Which images: how many for training and testing, [h, w, c], names of classes.

    `drawn` is there if not all are taken: how they are chosen.
    """

    name: str
    source: str
    train: int
    test: int
    image_shape: list[int]
    classes: list[str]
    sha256: str
    drawn: NotRequired[str]


# One that is compared, by its class "module:Name". `parameters` of its constructor and
# variables of its `environment` are further ones; `engine` is the one of Skylark's that
# computes it, `ways` how many layers it computes in which way, where there are several;
# `as_written` is a user's own class, `different` another network that was allowed. (A
# class body takes no key "class".)
Contestant = TypedDict(
    "Contestant",
    {
        "title": str,
        "class": str,
        "parameters": dict[str, str],
        "environment": dict[str, str],
        "engine": NotRequired[str | None],  # from schema 2 on
        "ways": NotRequired[dict[str, int]],
        "as_written": bool,
        "different": bool,
    },
)


class Count(TypedDict):
    """How long some Python source is."""

    lines: int
    statements: int
    tokens: int
    gzip_bytes: int


# How long a class is: network and training, alone and with its own code; by method.
ClassCount = TypedDict(
    "ClassCount",
    {
        "class": Count,
        "network": NotRequired[Count],  # from definition 2 of the count on
        "training": NotRequired[Count],
        "own": NotRequired[Count],
        "with_private": Count,
        "private_files": list[str],
        "methods": dict[str, Count],
    },
)


class Code(TypedDict):
    """The count of each contestant's class, and the definition of the count."""

    definition: str
    version: int
    classes: dict[str, ClassCount]


class Deviations(TypedDict, total=False):
    """How far a class is from the standard, at the most."""

    outputs_max_rel: float
    gradient_max_rel: float
    loss_max_rel: float
    weights_max_rel: float
    moved_max_rel: float
    state_max_rel: float
    logits_max_abs: float


class Verdict(Deviations):
    """Whether one class is the network; None: its framework is not installed.

    Either its deviations, or an `error`, where it could not be measured.
    """

    passed: bool | None
    dtype: str
    limits: dict[Deviation, float]
    peak_memory_bytes: NotRequired[int]
    error: NotRequired[str | None]


class Proof(TypedDict):
    """Whether all are one network, and the largest deviations of those in `dtype`."""

    passed: bool
    dtype: str
    steps: int
    limits: dict[Deviation, float]
    outputs_max_rel: NotRequired[float | None]
    gradient_max_rel: NotRequired[float | None]
    loss_max_rel: NotRequired[float | None]
    weights_max_rel: NotRequired[float | None]
    moved_max_rel: NotRequired[float | None]
    state_max_rel: NotRequired[float | None]
    logits_max_abs: NotRequired[float | None]
    models: dict[str, Verdict]


class Node(TypedDict):
    """The machine of a round that an executor has run."""

    host: str
    cpu: str


class Trial(TypedDict):
    """One model with one seed: `status` is ok, failed or skipped.

    `place` is its turn in its round, from 1 on; a trial that was repeated by a resumed
    run has that of its round all the same.
    Without `ok` there is a reason, and no number. `seconds` are of import, build (None
    where the class does not know it), first_step, fit and predict. Where predictions
    are averaged over views, `test_accuracy_plain` is without that. `epochs_earlier` is
    how many epochs an interrupted process had trained, before this one went on; `fit`
    has their seconds too.
    """

    model: str
    seed: int
    status: str
    error: str | None
    node: NotRequired[Node]
    place: NotRequired[int]  # was not kept in the first runs
    test_accuracy: NotRequired[float]
    test_accuracy_plain: NotRequired[float]
    train_accuracy: NotRequired[float]
    parameters: NotRequired[int]
    epochs_earlier: NotRequired[int]
    history: NotRequired[dict[str, list[float | None]]]
    seconds: NotRequired[dict[str, float | None]]
    images_per_second: NotRequired[dict[str, float]]
    peak_memory_bytes: NotRequired[int]
    device: NotRequired[str | None]
    threads: NotRequired[dict[str, int]]
    blas_kernel: NotRequired[str | None]  # of OpenBLAS, below NumPy


class Spread(TypedDict):
    """A median, the smallest and the largest value, and the median's interval."""

    median: float
    min: float
    max: float
    interval: tuple[float, float] | None


class Ratio(Spread):
    """A rival's speed relative to the reference, and whether it differs from 1.

    `interval` is that of the geometric mean; all of a run cover together.
    """

    p_value: float
    differs: bool


class Row(TypedDict):
    """One model's finished trials, taken together; the first error, where one failed.

    A measure that no trial has is left out.
    """

    trials: int
    error: str | None
    ratios: dict[Measure, Ratio]
    parameters: NotRequired[int]
    test_accuracy: NotRequired[Spread]
    test_accuracy_plain: NotRequired[Spread]
    train_accuracy: NotRequired[Spread]
    train_images_per_second: NotRequired[Spread]
    predict_images_per_second: NotRequired[Spread]
    import_seconds: NotRequired[Spread]
    build_seconds: NotRequired[Spread]
    first_step_seconds: NotRequired[Spread]
    fit_seconds: NotRequired[Spread]
    predict_seconds: NotRequired[Spread]
    peak_memory_bytes: NotRequired[Spread]


class Network(TypedDict):
    """Sizes of a family's networks; `name` is the preset that has them, or None."""

    name: str | None
    family: str
    sizes: dict[str, Any]


class Run(TypedDict):
    """The whole of results.json; `sameness` is None until it has been proved."""

    schema: int
    version: str
    started: str
    command: str
    environment: Environment
    dataset: Dataset
    note: str | None
    network: Network
    settings: Settings
    contestants: dict[str, Contestant]
    code: Code
    sameness: Proof | None
    trials: list[Trial]
    summary: dict[str, Row]
