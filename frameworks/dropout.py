"""Masks of dropout and drop-connect: drawn by NumPy, the same for all four classes.

Dropout sets some numbers of each image to 0 in training, and scales the others up, so
that nothing relies on one of them (Srivastava, Hinton, Krizhevsky, Sutskever,
Salakhutdinov 2014). Drop-connect does so with all that a block adds to its input, image
by image (Huang, Sun, Liu, Sedra, Weinberger 2016, "stochastic depth").

Each framework draws from a generator of its own. Here, what a layer drops in a step
follows from the seed of the fit, the layer's name and the number of the step.
"""

import mmap
import zlib

import numpy as np


class Masks:
    """What the masks of one network's layers have in common, for one fit.

    Attributes
    ----------
    seed : int
    step : (1,) int array
        The number of the step that is being taken, from the first epoch on; in memory
        that forked workers see.
    first : int
        The number of the first step of this fit.
    fits : int
        How many fits there have been.
    """

    def __init__(self) -> None:
        self.step = np.frombuffer(mmap.mmap(-1, 8), np.int64)
        self.seed = self.first = self.fits = 0

    def begin(self, seed: int, first: int) -> None:
        """Begin a fit, or go on with one."""
        self.seed, self.first = seed, first
        self.step[0] = first
        self.fits += 1


class Mask:
    """The masks of one layer.

    Parameters
    ----------
    masks : Masks
    name : str
        Of the layer.
    rate : float
        Share of the numbers that are dropped; 0: there is no mask.
    whole : bool
        All numbers of an image are dropped or none.
    """

    def __init__(
        self, masks: Masks, name: str, rate: float, whole: bool = False
    ) -> None:
        self.masks, self.rate, self.whole = masks, rate, whole
        self.number = zlib.crc32(name.encode())
        self.drawn_in, self.drawn = 0, 0

    def draw(self, n: int, c: int, step: int | None = None) -> np.ndarray:
        """Return the factors of n images with c channels, of the step that is taken.

        Returns
        -------
        (n, c) array, or (n, 1) of whole images
            Each is 0 or 1 / (1 - rate).
        """
        step = int(self.masks.step[0]) if step is None else step
        rng = np.random.default_rng((self.masks.seed, step, self.number))
        kept = rng.random((n, 1 if self.whole else c)) >= self.rate
        return kept / (1 - self.rate)

    def draw_next(self, n: int, c: int) -> np.ndarray:
        """Return the same of the step after that of the last call in this fit.

        For Keras, where many steps are taken while nobody counts them.
        """
        if self.drawn_in != self.masks.fits:
            self.drawn_in, self.drawn = self.masks.fits, 0
        self.drawn += 1
        return self.draw(n, c, self.masks.first + self.drawn - 1)
