"""Muon: SGD whose steps of kernels are made orthogonal, for each framework.

A step of a convolution's kernel, momentum and all, is taken as a matrix of inputs and
filters, and made nearly orthogonal: its singular values, which differ by orders of
magnitude, become about 1, so no direction is left behind because its gradient is small
(Jordan et al. 2024, https://kellerjordan.github.io/posts/muon). The kernel turns along
it by an angle of about the learning rate, and keeps its length, whatever that is.

Five steps of Newton and Schulz, x <- a x + (b s + c s^2) x with s = x x^T, bring the
values between 0.7 and 1.2, which serves as well as 1. They are written once: products
and sums are the same words in all four.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from frameworks.lazy import keras, tf, torch

A, B, C = 3.4445, -4.7750, 2.0315  # those of Jordan et al.: steep at 0
STEPS = 5
SHORTEST = 1e-12  # of the lengths that are divided by


class Words(NamedTuple):
    """What frameworks call by different names."""

    length: Callable[[Any], Any]  # of a matrix: the root of its sum of squares
    transpose: Callable[[Any], Any]
    reshape: Callable[[Any, Sequence[int]], Any]


def optimizer(model: Any, SGD: Any = None) -> Any:
    """Return the optimiser of an estimator's framework: Muon, if `muon` asks for it.

    Muon is a class derived from SGD, which is given. Of TensorFlow, which has no
    classes of optimisers without Keras, it is a function: see `in_tensorflow`.
    """
    if not model.muon:
        return SGD
    made = {
        "numpy": in_numpy,
        "keras": in_keras,
        "torch": in_pytorch,
        "tensorflow": in_tensorflow,
    }
    return made[model.framework](SGD)


def turns(shape: Sequence[int]) -> bool:
    """Return whether a weight turns: a kernel (kh, kw, c, f) with several of both."""
    return len(shape) == 4 and min(shape[2:]) > 1


def turned(kernel: Any, step: Any, rate: Any, words: Words) -> Any:
    """Return a kernel (kh, kw, c, f), turned along a step."""
    shape = kernel.shape
    kernel, step = (words.reshape(x, (-1, shape[-1])) for x in (kernel, step))
    before, step = words.length(kernel), orthogonal(step, words)
    kernel = kernel + step * (rate * before / words.length(step))
    return words.reshape(kernel * (before / words.length(kernel)), shape)


def orthogonal(matrix: Any, words: Words) -> Any:
    """Return a matrix with the same singular vectors, and values of about 1."""
    x = matrix / words.length(matrix)
    tall = matrix.shape[0] > matrix.shape[1]
    x = words.transpose(x) if tall else x  # the smaller square is cheaper
    for _ in range(STEPS):
        s = x @ words.transpose(x)
        x = A * x + (B * s + C * s @ s) @ x
    return words.transpose(x) if tall else x


NUMPY = Words(
    lambda x: max(float(np.linalg.norm(x)), SHORTEST), np.transpose, np.reshape
)


def in_numpy(SGD: Any) -> Any:
    """Return the class: it moves a weight in another way."""

    class Muon(SGD):
        def move(self, weight: np.ndarray, step: np.ndarray) -> None:
            if turns(weight.shape):
                weight[:] = turned(weight, step, self.learning_rate, NUMPY)
            else:
                super().move(weight, step)

    return Muon


def in_keras(SGD: Any) -> Any:
    """Return the class. Keras's own Muon takes Adam for the other weights."""
    ops = keras.ops
    words = Words(
        lambda x: ops.maximum(ops.norm(x), SHORTEST), ops.transpose, ops.reshape
    )

    class Muon(SGD):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            if not turns(variable.shape):
                super().update_step(gradient, variable, learning_rate)
                return
            rate, momentum = (
                ops.cast(x, variable.dtype) for x in (learning_rate, self.momentum)
            )
            step = -rate * gradient
            if self.momentum:
                velocity = self.momentums[self._get_variable_index(variable)]
                self.assign(velocity, momentum * velocity + step)
                step = momentum * velocity + step if self.nesterov else velocity
            self.assign(variable, turned(variable, step, rate, words))

    return Muon


def in_pytorch(SGD: Any) -> Any:
    """Return the class. PyTorch's own Muon takes no kernels, and rounds to bfloat16."""
    words = Words(lambda x: x.norm().clamp(SHORTEST), torch.t, torch.reshape)

    class Muon(SGD):
        def step(self) -> None:
            for group in self.param_groups:
                for kernel in group["params"]:
                    if turns(kernel.shape[::-1]) and kernel.grad is not None:
                        self.turn(kernel, group)
                        kernel.grad = None  # so SGD leaves it alone
            super().step()

        @torch.no_grad()
        def turn(self, kernel: Any, group: Any) -> None:
            gradient = kernel.grad.add(kernel, alpha=group["weight_decay"])
            state = self.state[kernel]
            velocity = state.setdefault("momentum_buffer", torch.zeros_like(kernel))
            velocity.mul_(group["momentum"]).add_(gradient)
            ahead = gradient + group["momentum"] * velocity
            step, hwcf = -ahead if group["nesterov"] else -velocity, (2, 3, 1, 0)
            after = turned(kernel.permute(hwcf), step.permute(hwcf), group["lr"], words)
            kernel.copy_(after.permute(3, 2, 0, 1))

    return Muon


def in_tensorflow(SGD: Any = None) -> Any:
    """Return a function that makes of SGD's step, at a rate, the step of Muon."""
    words = Words(lambda x: tf.maximum(tf.norm(x), SHORTEST), tf.transpose, tf.reshape)

    def muon(weight: Any, step: Any, rate: Any) -> Any:
        if not turns(weight.shape):
            return step
        return turned(weight, step, rate, words) - weight

    return muon
