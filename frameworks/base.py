"""The contract: what all four classes do alike, and what each must write itself."""

import warnings
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from math import ceil
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, softmax
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted

from frameworks import constructor, inputs, schedules, weights
from frameworks.augmentation import AUGMENT, TEST_AUGMENT, Augmentation, views
from frameworks.batches import Batch, Batches, scale
from frameworks.checkpoints import Checkpoint, fingerprint
from frameworks.dropout import Masks
from frameworks.epochs import Epochs
from frameworks.libraries import LIBRARIES, Library, choose_device, synchronise
from frameworks.progress import Progress
from frameworks.saving import Portable

PREDICTED_AT_ONCE = 256  # images; bounds the memory of predictions
NOT_BUILT_IN = (  # parameters that a network, once built, does not depend on
    *("epochs", "batch_size", "class_weight", "early_stopping", "validation_fraction"),
    *("patience", "warm_start", "image_shape", "random_state", "init"),
    *("on_epoch_end", "verbose", "augment", "crop_padding", "test_augment"),
    *("average_epochs", "checkpoint"),
)


class ImageClassifier(
    Portable,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """A neural network for images, as a scikit-learn classifier.

    It is trained by stochastic gradient descent with momentum on the softmax
    cross-entropy. The same `random_state` gives the same initial weights and the same
    batches in every framework. Which network it is, and what sizes it has, is said by
    its family (see `frameworks/family.py`).

    Parameters
    ----------
    epochs : int, default=5
        Passes over the training images.
    batch_size : int, default=64
        Images a step; the last, short batch is kept.
    learning_rate, momentum : float, default=0.01, 0.9
        v = momentum v - learning_rate gradient; weight += v.
    nesterov : bool, default=False
        weight += momentum v - learning_rate gradient instead, with the new v: a look
        ahead along the velocity (Sutskever et al. 2013).
    muon : bool, default=False
        The step of a convolution's kernel is made orthogonal, as a matrix of inputs and
        filters, and as long as the kernel times the learning rate; the kernel keeps its
        length. Other weights move as ever (Jordan et al. 2024; frameworks/muon.py).
    schedule : {"constant", "cosine", "one_cycle"}, default="constant"
        How the learning rate, `learning_rate` at its highest, changes over the steps of
        `fit`: not at all, along half a cosine to 0, or up and down on straight lines.
        `partial_fit` takes `learning_rate` always.
    warmup : float or None, default=None
        Share of the steps in which the rate rises; None: a quarter for "one_cycle", no
        rise for the others.
    weight_decay : float, default=0.0
        Added to each kernel's gradient, times the kernel (L2 regularisation); other
        weights do not decay.
    label_smoothing : float, default=0.0
        Share of each label that is spread evenly over all classes; the loss in
        `history_` has it too, `val_loss` does not.
    augment : {"flip", "crop", "flip+crop"} or None, default=None
        "flip" mirrors each training image in every second epoch, "crop" moves it by up
        to `crop_padding` pixels, anew in every epoch.
    crop_padding : int, default=4
        Pixels.
    average_epochs : int, default=1
        The fitted weights are the mean of those after each of the last so many epochs
        (Izmailov et al. 2018); 1 takes those of the last epoch. Without effect where
        `early_stopping` takes the best weights back.
    test_augment : {"flip", "shift", "flip+shift"} or None, default=None
        Predict from the mean of the logits of each image and its mirror image ("flip"),
        and of these moved by one pixel ("shift"). Not in `transform`, and not in
        validation.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, multiplied with `sample_weight`.
    early_stopping : bool, default=False
        Stop when the validation loss has not improved for `patience` epochs, and
        take the best weights back.
    validation_fraction : float, default=0.1
        Share of the images that early stopping holds out without `validation_data`.
    patience : int, default=5
        Epochs.
    warm_start : bool, default=False
        Go on from the earlier fit.
    image_shape : (h, w, c) or None, default=None
        How the rows of a table X (n, d) are read; without it as (1, d, 1).
    random_state : int, Generator, RandomState or None, default=None
        Where initial weights and the order of the images come from.
    device : {"auto", "cpu", "cuda"}, default="auto"
        "auto" takes CUDA where the framework sees it.
    dtype : {"float32", "float64"}, default="float32"
        Of weights and computation.
    init : {"shared", "native"}, default="shared"
        "shared" draws initial weights with NumPy, the same for all four classes;
        "native" leaves the framework its own initialisers.
    checkpoint : str, path or None, default=None
        File that holds the state of training after each epoch: a `fit` with the same
        images and parameters that finds it there goes on from it, with the same
        numbers as if it had never been stopped. It stays; delete it to train anew.
        `partial_fit` does not use it.
    on_epoch_end : callable or None, default=None
        Called as on_epoch_end(estimator, logs); returning True stops the fit.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    classes_ : (n_classes,)
        The labels, sorted.
    dtype_, filters_ and so on
        What the network was built with: a parameter that is changed after `fit` acts in
        the next `fit`. `device_` is "cpu" or "cuda".
    n_features_in_ : int
        h * w * c.
    n_iter_ : int
        Epochs trained.
    history_ : dict of str to list of float
        One value an epoch: `loss` (cross-entropy, without decay) and `accuracy`, each
        batch's own before its update, averaged over images; `seconds`; `val_loss` and
        `val_accuracy` where there is validation data.
    """

    framework: ClassVar[str]  # the name under which it is imported

    classes_: np.ndarray
    _best_weights: dict[str, np.ndarray] | None
    _rates: dict[int, list[float]]
    _last_weights: deque[dict[str, np.ndarray]]
    _checkpoint: Checkpoint | None

    _parameter_constraints: ClassVar[dict] = {
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterov": ["boolean"],
        "muon": ["boolean"],
        "schedule": [StrOptions(set(schedules.SCHEDULES))],
        "warmup": [Interval(Real, 0, 1, closed="both"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "augment": [StrOptions(set(AUGMENT)), None],
        "crop_padding": [Interval(Integral, 1, None, closed="left")],
        "average_epochs": [Interval(Integral, 1, None, closed="left")],
        "test_augment": [StrOptions(set(TEST_AUGMENT)), None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "image_shape": ["array-like", None],
        "random_state": ["random_state", np.random.Generator],
        "device": [StrOptions({"auto", "cpu", "cuda"})],
        "dtype": [StrOptions({"float32", "float64"})],
        "init": [StrOptions({"shared", "native"})],
        "checkpoint": [str, PathLike, None],
        "on_epoch_end": [callable, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        epochs: int = 5,
        batch_size: int = 64,
        learning_rate: float = 0.01,
        momentum: float = 0.9,
        nesterov: bool = False,
        muon: bool = False,
        schedule: str = "constant",
        warmup: float | None = None,
        weight_decay: float = 0.0,
        label_smoothing: float = 0.0,
        augment: str | None = None,
        crop_padding: int = 4,
        average_epochs: int = 1,
        test_augment: str | None = None,
        class_weight: dict | str | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 5,
        warm_start: bool = False,
        image_shape: tuple[int, int, int] | None = None,
        random_state: Any = None,
        device: str = "auto",
        dtype: str = "float32",
        init: str = "shared",
        checkpoint: str | PathLike | None = None,
        on_epoch_end: Callable[[Self, dict], bool | None] | None = None,
        verbose: int = 0,
        **sizes: Any,
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.muon = muon
        self.schedule = schedule
        self.warmup = warmup
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.crop_padding = crop_padding
        self.average_epochs = average_epochs
        self.test_augment = test_augment
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.warm_start = warm_start
        self.image_shape = image_shape
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.init = init
        self.checkpoint = checkpoint
        self.on_epoch_end = on_epoch_end
        self.verbose = verbose
        for name in sizes.keys() - self.sizes.keys():
            raise TypeError(
                f"{type(self).__name__}() got an unexpected keyword argument {name!r}: "
                f"its sizes are {', '.join(self.sizes)}."
            )
        for name, default in self.sizes.items():
            setattr(self, name, sizes.get(name, default))

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the constructor of each class show all that it takes."""
        super().__init_subclass__(**options)
        constructor.complete(cls)

    def __getattr__(self, name: str) -> Any:
        """Give `dtype_` for `dtype` and so on, until the network is built.

        Raises
        ------
        NotFittedError
            `name` is what `fit` finds out.
        """
        param, who = name.removesuffix("_"), type(self).__name__
        if param != name and param in vars(self) and param not in NOT_BUILT_IN:
            return vars(self)[param]
        fitted = name.endswith("_") and not name.startswith("_")
        if fitted and "classes_" not in vars(self):
            raise NotFittedError(f"this {who} is not fitted yet: call fit first.")
        raise AttributeError(f"{who!r} object has no attribute {name!r}")

    # What each class writes itself, in this order.

    @abstractmethod
    def network(self) -> Any:
        """Return the layers: all that a page of networks/ writes anew."""

    @abstractmethod
    def build(self) -> None:
        """Make the network, the optimiser and compiled functions."""

    @abstractmethod
    def forward(self, x: Any, layer: str = "output", training: bool = False) -> Any:
        """Return the output of the named layer, the logits by default, for a batch.

        With `training`, layers that differ in training do as they do there: batch
        normalisation takes the batch's own statistics, and the running ones follow.
        """

    def train_step(self, x: Any, y: Any, w: Any) -> tuple[Any, Any]:
        """Take one step on a batch; return its loss and accuracy before the step."""
        raise NotImplementedError

    @abstractmethod
    def fit_loop(
        self, X: np.ndarray, y: np.ndarray, w: np.ndarray, epochs: range
    ) -> None:
        """Train for all the epochs, or until the base says stop."""

    @abstractmethod
    def predict_logits(self, x: np.ndarray, layer: str = "output") -> np.ndarray:
        """Return a layer's output, (n, k) or (n, h, w, c), for images (n, h, w, c)."""

    @abstractmethod
    def get_weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name, in the layout of all four classes."""

    @abstractmethod
    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Load weights of the same names, shapes and dtypes."""

    # What the classes build on.

    def batches(
        self, X: np.ndarray, y: np.ndarray, w: np.ndarray, epoch: int
    ) -> Batches:
        """Return the mini-batches x, y, w of one epoch, the same in all classes."""
        seed, augmentation = (self._shuffle_seed, epoch), None
        if self.augment:
            padding = self.crop_padding if "crop" in self.augment else 0
            flip = "flip" in self.augment
            augmentation = Augmentation(len(X), seed, padding, flip=flip)
        return Batches(
            X,
            y,
            w,
            seed=seed,
            batch_size=self.batch_size,
            dtype=self.dtype_,
            rows=self._epochs.rows,
            augmentation=augmentation,
        )

    def rates(self, epoch: int) -> list[float]:
        """Return the learning rate of each step of one epoch."""
        return self._rates[epoch]

    def steps(
        self, X: np.ndarray, y: np.ndarray, w: np.ndarray, epoch: int
    ) -> Iterator[tuple[Batch, float]]:
        """Return the mini-batches of one epoch, each with its learning rate."""
        rates = self.rates(epoch)
        pairs = zip(self.batches(X, y, w, epoch), rates, strict=False)
        for self._masks.step[0], pair in enumerate(pairs, epoch * len(rates)):
            yield pair

    def record(self, loss: Any, accuracy: Any, images: int) -> None:
        """Note the loss and accuracy of one step; device scalars are read later."""
        self._epochs.step(loss, accuracy, images)

    def end_epoch(self) -> bool:
        """Record the epoch: history, validation, progress; return whether to stop."""
        epoch = self._epochs.end()
        for name, value in epoch.measures.items():
            self.history_.setdefault(name, []).append(value)
        self.n_iter_ += 1
        if self.early_stopping and epoch.improved:
            self._best_weights = self.get_weights()
        elif self.average_epochs > 1:
            self._last_weights.append(self.get_weights())
        if epoch.diverged:
            warnings.warn(
                f"the loss became {epoch.measures['loss']} in epoch {self.n_iter_}, "
                "and training stopped: lower learning_rate, or scale the images.",
                ConvergenceWarning,
                stacklevel=4,
            )
        logs = {**epoch.measures, "epoch": self.n_iter_, "images": epoch.images}
        self._progress.update(logs)
        stop = epoch.stop or epoch.diverged
        if self.on_epoch_end is not None:
            stop = bool(self.on_epoch_end(self, logs)) or stop
        if self._checkpoint:
            self._checkpoint.write(self, stop)
        self._epochs.start()
        return stop

    def check_parameters(self) -> None:
        """Raise ValueError or TypeError where a parameter cannot be used."""
        self._validate_params()
        if self.image_shape is not None:
            inputs.check_image_shape(self.image_shape)
        self.check_sizes()

    def check_weights(self, given: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the given weights as arrays; ValueError unless they fit."""
        check_is_fitted(self)
        return weights.check(given, like=self._kinds)

    # What users call.

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Train, and forget an earlier fit unless `warm_start`.

        Parameters
        ----------
        X : (n, h, w, c), (n, h, w) or (n, d)
            Images. uint8 pixels become x / 255 - 0.5, floats are taken as they are.
        y : (n,)
            Labels of any kind that scikit-learn takes.
        sample_weight : (n,) or None
            The loss of a batch is sum(w l) / sum(w).
        validation_data : (X, y) or None
            Evaluated after every epoch, outside `history_["seconds"]`.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            A parameter or an input that cannot be used; the message says why.
        ModuleNotFoundError
            The framework is not installed.
        """
        go_on = self.warm_start and hasattr(self, "classes_")
        plan = self.epochs, self.schedule, self.checkpoint
        self._fit(X, y, sample_weight, validation_data, *plan, go_on=go_on)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch more; momentum and the random order go on.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : (n_classes,) or None
            All labels that will ever come; needed in the first call, unless y holds
            them all.

        Returns
        -------
        self
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all labels at once: for partial_fit, "
                "pass a dict."
            )
        go_on = hasattr(self, "classes_")
        plan = 1, "constant", None
        self._fit(X, y, sample_weight, None, *plan, go_on=go_on, classes=classes)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the label of each image, (n,)."""
        logits = self._logits(X)
        return self.classes_[logits.argmax(1)]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, (n, n_classes)."""
        return softmax(self._logits(X), axis=1)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the logits (n, n_classes); for two classes their difference (n,)."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def transform(self, X: ArrayLike, layer: str | None = None) -> np.ndarray:
        """Return the features of each image, flat (n, d), in the order h, w, c.

        Parameters
        ----------
        X : (n, h, w, c), (n, h, w) or (n, d)
            Images.
        layer : str or None
            One of `layer_shapes()`, a convolution or dense layer after its activation;
            by default the last layer before the output.

        Raises
        ------
        ValueError
            There is no such layer, or it is named together with `set_output`, which
            has names for the features of the default layer alone.
        """
        check_is_fitted(self)
        names, default = self.layer_names(), self._default_layer()
        if layer is None:
            layer = default
        if layer not in names:
            raise ValueError(f"there is no layer {layer!r}: choose one of {names}.")
        if layer != default and _get_output_config("transform", self)["dense"] != (
            "default"
        ):
            raise ValueError(
                f"set_output names the features of layer {default!r} alone: for "
                f"{layer!r}, take set_output(transform='default')."
            )
        features = self._outputs(self._read_fitted(X), layer)
        return features.reshape(len(features), -1)

    def layer_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each layer's output for one image, in order."""
        check_is_fitted(self)
        image = np.zeros((1, *self.image_shape_), self.dtype_)
        with self._library.scope(self.device_):
            return {
                name: self.predict_logits(image, name).shape[1:]
                for name in self.layer_names()
            }

    # How it is done.

    @property
    def _n_features_out(self) -> int:
        """How many features `transform` returns, for get_feature_names_out."""
        return int(np.prod(self.layer_shapes()[self._default_layer()]))

    def _default_layer(self) -> str:
        """Return the last layer before the output; the output where it is alone."""
        return self.layer_names()[-2:][0]

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any,
        epochs: int,
        schedule: str,
        checkpoint: str | PathLike | None,
        *,
        go_on: bool,
        classes: Any = None,
    ) -> None:
        self.check_parameters()
        X = inputs.read_images(self, X, fitted=go_on)
        y = inputs.read_labels(self, X, y)
        known = inputs.find_classes(y, classes, self.classes_ if go_on else None)
        targets = inputs.encode_labels(known, y)
        w = inputs.read_weights(sample_weight, self.class_weight, known, y, self.dtype)
        saved = None
        if checkpoint is not None:
            saved = Checkpoint(Path(checkpoint), fingerprint(self, X, targets, w))
        with self._whole_or_not_at_all():
            if not go_on:
                self._start(X, known)
            elif self._changed():
                self._rebuild()
            if saved and saved.seeds:
                self._shuffle_seed, self._split_seed = saved.seeds
        self._train(X, targets, w, validation_data, epochs, schedule, saved)

    def _start(self, X: np.ndarray, classes: np.ndarray) -> None:
        """Forget an earlier fit; make the network and its initial weights."""
        seed = self.random_state
        # None follows np.random.seed, as everywhere in scikit-learn
        rng = np.random.default_rng(check_random_state(None) if seed is None else seed)
        self._forget_settings()
        self._shuffle_seed, self._split_seed = rng.integers(2**32, size=2).tolist()
        self.classes_ = classes
        self.image_shape_ = X.shape[1:]
        self.n_features_in_ = int(np.prod(self.image_shape_))
        self._takes_bytes = X.dtype == np.uint8
        self.history_: dict[str, list[float]] = {}
        self.n_iter_ = 0
        if self.init == "native":
            self._library.seed(int(rng.integers(2**32)))
        self._build()
        if self.init == "shared" or not self._library.initialises:
            self.set_weights(weights.draw(self._kinds, rng, self.kernels))
        if state := self.first_state(X):
            self.set_weights(self.get_weights() | state)

    @property
    def _library(self) -> Library:
        """The record of the framework; a library that has none is treated as NumPy."""
        return LIBRARIES.get(self.framework, LIBRARIES["numpy"])

    def _build(
        self,
        carried: Mapping[str, np.ndarray] | None = None,
        *,
        any_device: bool = False,
    ) -> None:
        """Make the network anew, and note which attributes are the framework's.

        It is made of `dtype_` and so on, where an earlier network left them.
        """
        for name in getattr(self, "_built", ()):
            delattr(self, name)
        self.device_ = choose_device(self.device, self._library, any_device)
        before = set(vars(self))
        self._masks = Masks()
        with self._library.scope(self.device_):
            started = perf_counter()
            self.build()
            synchronise()
            seconds = perf_counter() - started
        self._built = set(vars(self)) - before
        for name, value in self.settings().items():
            self.__dict__.setdefault(f"{name}_", value)
        self._kinds = weights.kinds(self.get_weights())
        self.build_seconds_ = seconds
        if carried is not None:
            self.set_weights(carried)

    def _rebuild(self) -> None:
        """Make the network of the parameters as they are now, with the same weights."""
        carried = self.get_weights()
        self._forget_settings()
        try:
            self._build(carried)
        except ValueError as error:
            raise ValueError(
                f"the fitted weights do not fit the parameters that were changed: "
                f"{error} To train anew, use fit with warm_start=False."
            ) from error

    def settings(self) -> dict[str, Any]:
        """Return the parameters that a network takes in when it is built."""
        params = self.get_params(deep=False)
        for name in ("device", *NOT_BUILT_IN):  # device_ is the one that was found
            del params[name]
        for name, default in self.sizes.items():
            if isinstance(default, tuple):  # given as a list, it is the same
                params[name] = tuple(params[name])
        return params

    def _changed(self) -> bool:
        """Return whether the network would be built differently now."""
        device = choose_device(self.device, self._library)
        now = self.settings()
        return device != self.device_ or now != {n: getattr(self, f"{n}_") for n in now}

    def _forget_settings(self) -> None:
        """Let the next network be made of the parameters as they are then."""
        for name in self.settings():
            self.__dict__.pop(f"{name}_", None)

    @contextmanager
    def _whole_or_not_at_all(self) -> Iterator[None]:
        """Leave the estimator as it was, if its network cannot be made."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _train(
        self,
        X: np.ndarray,
        y: np.ndarray,
        w: np.ndarray,
        validation_data: Any,
        epochs: int,
        schedule: str,
        checkpoint: Checkpoint | None,
    ) -> None:
        rows, validate = np.flatnonzero(w), None
        if validation_data is not None:
            validate = partial(self._evaluate, *self._read_validation(validation_data))
        elif self.early_stopping:
            rows, held_out = inputs.hold_out(
                rows, y, self.classes_, self.validation_fraction, self._split_seed
            )
            validate = partial(self._evaluate, X, y, rows=held_out)
        patience = self.patience if self.early_stopping else None
        steps = ceil(len(rows) / self.batch_size) * epochs
        rates = schedules.rates(schedule, self.learning_rate, steps, self.warmup)
        numbers = range(self.n_iter_, self.n_iter_ + epochs)
        self._epochs = Epochs(rows, validate, patience)
        self._rates = dict(
            zip(numbers, rates.reshape(epochs, -1).tolist(), strict=True)
        )
        self._progress = Progress(type(self).__name__, epochs, self.verbose)
        self._best_weights = None
        self._last_weights = deque(maxlen=self.average_epochs)
        self._checkpoint = checkpoint
        try:
            with self._library.scope(self.device_):
                ended = checkpoint.restore(self) if checkpoint else False
                left = range(self.n_iter_, numbers.stop)
                self._masks.begin(self._shuffle_seed, self.n_iter_ * (steps // epochs))
                if left and not ended:
                    self.fit_loop(X, y, w, left)
        finally:
            self._progress.close()
            if self._best_weights is not None:
                self.set_weights(self._best_weights)
            elif self._last_weights:
                self.set_weights(weights.mean(self._last_weights))
            del self._epochs, self._rates, self._progress
            del self._best_weights, self._last_weights, self._checkpoint

    def _evaluate(
        self, X: np.ndarray, y: np.ndarray, rows: np.ndarray | None = None
    ) -> tuple[float, float]:
        """Return the mean loss and accuracy on all images, or on some rows of X, y."""
        logits = self._outputs(X, rows=rows)
        y = y if rows is None else y[rows]
        log_p = log_softmax(logits, axis=1)[np.arange(len(y)), y]
        return -float(log_p.mean(dtype=float)), float(np.mean(logits.argmax(1) == y))

    def _read_fitted(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return inputs.read_images(self, X, fitted=True)

    def _read_validation(self, data: Any) -> tuple[np.ndarray, np.ndarray]:
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise ValueError(
                "validation_data must be (X, y), images and their labels, but is "
                f"{inputs.described(data)}."
            )
        X, y = data
        X = self._read_fitted(X)
        y = inputs.read_labels(self, X, y)
        return X, inputs.encode_labels(self.classes_, y)

    def _logits(self, X: Any) -> np.ndarray:
        return self._outputs(self._read_fitted(X), test_augment=self.test_augment)

    def _outputs(
        self,
        X: np.ndarray,
        layer: str = "output",
        rows: np.ndarray | None = None,
        test_augment: str | None = None,
    ) -> np.ndarray:
        """Return a layer's output for all images, or for some rows of X.

        The images are floats a few at a time, never all at once.
        """
        outputs = []
        with self._library.scope(self.device_):
            for start in range(0, len(X if rows is None else rows), PREDICTED_AT_ONCE):
                some: Any = slice(start, start + PREDICTED_AT_ONCE)
                images = X[some if rows is None else rows[some]]
                out: Any = 0
                for weight, x in views(images, test_augment):
                    x = scale(x, self.dtype_)
                    out = out + weight * self.predict_logits(x, layer)
                outputs.append(out)
        return np.concatenate(outputs)
