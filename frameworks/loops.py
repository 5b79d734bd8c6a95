"""The layers of the tutorial that this began as: one image at a time, in loops.

For whoever comes from there, by the names used there: `Conv3x3`, `MaxPool2`, `Softmax`,
`iterate_regions`, `forward(input)`, `backprop(d_L_d_out, learn_rate)`. An image is
(h, w) or (h, w, c), and a number of filters makes of it (h - 2, w - 2, f). Everything
that the other engines do at once for all pixels and images stands here as a loop.
"""

from collections.abc import Iterator

import numpy as np

from frameworks.engines import Network
from frameworks.layers import Conv2D, Flatten, MaxPool2D, ReLU, Sequential
from frameworks.layers import Dense as PlainDense

Region = tuple[np.ndarray, int, int]


class Conv3x3:
    """Convolution by filters of 3x3 pixels (or less, where an image is smaller)."""

    def __init__(self, num_filters: int, window: tuple[int, int] = (3, 3)) -> None:
        self.num_filters, self.window = num_filters, window
        self.filters = self._draw()
        self.biases = np.zeros(num_filters)

    def _draw(self, *channels: int) -> np.ndarray:
        shape = self.num_filters, *self.window, *channels
        return np.random.default_rng().normal(size=shape) / 9

    def iterate_regions(self, image: np.ndarray) -> Iterator[Region]:
        """Yield every region of the window's size, and where it is."""
        kh, kw = self.window
        h, w = image.shape[:2]
        for i in range(h - kh + 1):
            for j in range(w - kw + 1):
                yield image[i : i + kh, j : j + kw], i, j

    def forward(self, input: np.ndarray) -> np.ndarray:  # noqa: A002, the tutorial's
        """(h, w) or (h, w, c) -> (h - 2, w - 2, num_filters)."""
        if self.filters.ndim != input.ndim + 1:  # the first image has colours
            self.filters = self._draw(*input.shape[2:])
        self.last_input = input
        (h, w), (kh, kw) = input.shape[:2], self.window
        output = np.zeros((h - kh + 1, w - kw + 1, self.num_filters), input.dtype)
        for region, i, j in self.iterate_regions(input):
            axes = tuple(range(1, self.filters.ndim))
            output[i, j] = np.sum(region * self.filters, axis=axes) + self.biases
        return output

    def backprop(self, d_L_d_out: np.ndarray, learn_rate: float) -> np.ndarray:
        """Move filters and biases; return the gradient of the input."""
        kh, kw = self.window
        self.d_L_d_filters = np.zeros_like(self.filters)
        d_L_d_input = np.zeros_like(self.last_input)
        for region, i, j in self.iterate_regions(self.last_input):
            for f in range(self.num_filters):
                self.d_L_d_filters[f] += d_L_d_out[i, j, f] * region
                d_L_d_region = d_L_d_out[i, j, f] * self.filters[f]
                d_L_d_input[i : i + kh, j : j + kw] += d_L_d_region
        self.d_L_d_biases = d_L_d_out.sum(axis=(0, 1))
        self.filters -= learn_rate * self.d_L_d_filters
        self.biases -= learn_rate * self.d_L_d_biases
        return d_L_d_input


class MaxPool2:
    """The maximum of every 2x2 pixels (or less, where an image is smaller)."""

    def __init__(self, window: tuple[int, int] = (2, 2)) -> None:
        self.window = window

    def iterate_regions(self, image: np.ndarray) -> Iterator[Region]:
        """Yield every region, side by side, and the place of its maximum."""
        kh, kw = self.window
        h, w, _ = image.shape
        for i in range(h // kh):
            for j in range(w // kw):
                rows, columns = slice(i * kh, (i + 1) * kh), slice(j * kw, (j + 1) * kw)
                yield image[rows, columns], i, j

    def forward(self, input: np.ndarray) -> np.ndarray:  # noqa: A002
        """(h, w, f) -> (h // 2, w // 2, f)."""
        self.last_input = input
        (kh, kw), (h, w, f) = self.window, input.shape
        output = np.zeros((h // kh, w // kw, f), input.dtype)
        for region, i, j in self.iterate_regions(input):
            output[i, j] = np.amax(region, axis=(0, 1))
        return output

    def backprop(self, d_L_d_out: np.ndarray, learn_rate: float = 0) -> np.ndarray:
        """Return the gradient of the input; there is nothing to learn.

        The tutorial gave the gradient to every pixel that equals the maximum. One is
        right, for the maximum moves with one alone; and after a ReLU, whole windows are
        equal, at zero. As everywhere in this project, the first of them has it.
        """
        kh, kw = self.window
        d_L_d_input = np.zeros_like(self.last_input)
        for region, i, j in self.iterate_regions(self.last_input):
            for f in range(region.shape[2]):
                first = int(np.argmax(region[:, :, f]))
                i2, j2 = i * kh + first // kw, j * kw + first % kw
                d_L_d_input[i2, j2, f] = d_L_d_out[i, j, f]
        return d_L_d_input


class Dense:
    """Every node is a weighted sum of every input; the tutorial's Softmax, without it.

    The tutorial left a fully connected layer as its to-do; hidden layers need one.
    """

    def __init__(self, input_len: int, nodes: int) -> None:
        self.weights = np.random.default_rng().normal(size=(input_len, nodes))
        self.weights /= input_len
        self.biases = np.zeros(nodes)

    def forward(self, input: np.ndarray) -> np.ndarray:  # noqa: A002
        """Any shape of input_len numbers -> (nodes,)."""
        self.last_input = input
        return np.dot(input.flatten(), self.weights) + self.biases

    def backprop(self, d_L_d_out: np.ndarray, learn_rate: float) -> np.ndarray:
        """Move weights and biases; return the gradient of the input, in its shape."""
        self.d_L_d_weights = np.outer(self.last_input.flatten(), d_L_d_out)
        self.d_L_d_biases = d_L_d_out
        d_L_d_inputs = self.weights @ d_L_d_out
        self.weights -= learn_rate * self.d_L_d_weights
        self.biases -= learn_rate * self.d_L_d_biases
        return d_L_d_inputs.reshape(self.last_input.shape)


class Softmax(Dense):
    """A dense layer whose outputs are probabilities."""

    def forward(self, input: np.ndarray) -> np.ndarray:  # noqa: A002
        """Any shape of input_len numbers -> (nodes,), which add up to 1."""
        totals = super().forward(input)
        exp = np.exp(totals - totals.max())
        self.last_output = exp / exp.sum()
        return self.last_output

    def backprop(self, d_L_d_out: np.ndarray, learn_rate: float) -> np.ndarray:
        """Move weights and biases; return the gradient of the input, in its shape."""
        p = self.last_output
        d_L_d_totals = p * (d_L_d_out - np.dot(d_L_d_out, p))
        return super().backprop(d_L_d_totals, learn_rate)


class Activation:
    """ReLU, or nothing: the tutorial's network had none."""

    def __init__(self, relu: bool) -> None:
        self.relu = relu

    def forward(self, input: np.ndarray) -> np.ndarray:  # noqa: A002
        """Any shape."""
        self.last_input = input
        return np.maximum(input, 0) if self.relu else input

    def backprop(self, d_L_d_out: np.ndarray, learn_rate: float = 0) -> np.ndarray:
        """The same shape."""
        return d_L_d_out * (self.last_input > 0) if self.relu else d_L_d_out


Layer = Conv3x3 | MaxPool2 | Dense | Activation


def start(
    net: Sequential, image_shape: tuple[int, int, int], n_jobs: int | None
) -> Network:
    """Return the network of loops for these layers; it has no use for the rest."""
    return LoopsNet(net)


class LoopsNet:
    """A network of these layers, which takes each batch apart: one image at a time.

    Its layers share the weights of the plain ones, and learn at a rate of 0: the
    gradients of a batch are summed over its images, and the optimiser moves the
    weights. The loss starts from logits, so the last layer is a `Dense`, not a
    `Softmax`.
    """

    def __init__(self, net: Sequential) -> None:
        self.net = net
        self.layers: dict[str, list[Layer]] = {
            name: _layers(layer) for name, layer in net.layers.items()
        }

    def forward(
        self, x: np.ndarray, layer: str = "output", training: bool = False
    ) -> np.ndarray:
        """(n, h, w, c) -> (classes, n), or the output of the layer of that name."""
        self.images = x
        outs = np.stack([self._forward(image, layer) for image in x])
        return np.moveaxis(outs, (0, -1), (-1, 0))

    def backward(self, dlogits: np.ndarray) -> None:
        """(classes, n): give all weights of the plain layers their gradients."""
        weighted = self.net.weighted()
        for plain in weighted.values():
            plain.dkernel = np.zeros_like(plain.kernel)
            plain.dbias = np.zeros_like(plain.bias)
        for image, d in zip(self.images, dlogits.T, strict=True):
            self._forward(image)
            for name, layers in reversed(self.layers.items()):
                for layer in reversed(layers):
                    d = layer.backprop(d, 0)
                    if isinstance(layer, Conv3x3):
                        dkernel = layer.d_L_d_filters.transpose(1, 2, 3, 0)
                    elif isinstance(layer, Dense):
                        dkernel = layer.d_L_d_weights
                    else:
                        continue
                    weighted[name].dkernel += dkernel
                    weighted[name].dbias += layer.d_L_d_biases

    def _forward(self, image: np.ndarray, last: str = "output") -> np.ndarray:
        """(h, w, c) -> (classes,), or the output of the layer named `last`."""
        for name, layers in self.layers.items():
            for layer in layers:
                image = layer.forward(image)
            if name == last:
                break
        return image


def _layers(plain) -> list[Layer]:  # type: ignore[no-untyped-def]
    """Return the tutorial's layers for a plain one; they see its weights."""
    match plain:
        case Sequential():
            return [new for layer in plain.layers.values() for new in _layers(layer)]
        case Conv2D():
            kh, kw, _, f = plain.kernel.shape
            conv = Conv3x3(f, (kh, kw))
            conv.filters, conv.biases = plain.kernel.transpose(3, 0, 1, 2), plain.bias
            return [conv]
        case PlainDense():
            dense = Dense(*plain.kernel.shape)
            dense.weights, dense.biases = plain.kernel, plain.bias
            return [dense]
        case MaxPool2D():
            return [MaxPool2(plain.window)]
        case Flatten():
            return []  # dense layers flatten
    return [Activation(isinstance(plain, ReLU))]  # or Identity
