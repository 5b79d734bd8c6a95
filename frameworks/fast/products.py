"""Matrix products in the sizes that OpenBLAS has its fastest kernels for."""

from collections.abc import Callable
from functools import partial

import numpy as np

from frameworks.fast.scratch import aligned

# OpenBLAS computes a product of M N K <= 10^6 without packing its operands first: a
# Winograd transform cut in two takes 4.3 us an image instead of 8.8.
SMALL = 1_000_000
# a @ b.T is fastest with at most this many rows in a: 18 us an image instead of 23, and
# as few in b: 64 x 64 products of 128 numbers at 85 GFLOP/s instead of 60.
ROWS = 32
LEAST = 8  # rows or columns of a part: with fewer, it is slower than whole
# Rows whose numbers stay in the core's first cache, while those of b come and go: with
# 16 rows of 512 numbers, 64 x 64 products at 102 GFLOP/s instead of 87.
FIRST = 8192
# a @ b.T with as many numbers is fastest whole, for packing pays: 128 x 128 products of
# 512 numbers at 105 GFLOP/s instead of 83, 256 x 256 at 120 instead of 81.
LARGE = 128**2


def equal_parts(size: int, at_least: int, least: int = LEAST) -> int:
    """Return the smallest number >= `at_least` that divides `size`.

    It is 1 where that would leave parts smaller than `least`: a prime has no others.
    """
    parts = range(max(1, at_least), size // least + 1)
    return next((count for count in parts if size % count == 0), 1)


def multiply(
    cut: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]],
    a: np.ndarray,
    b: np.ndarray,
    out: np.ndarray,
) -> np.ndarray:
    """Compute the product that `cut`, one of those below, cuts; return `out`."""
    bind(cut, a, b, out)()
    return out


def bind(
    cut: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]],
    a: np.ndarray,
    b: np.ndarray,
    out: np.ndarray,
) -> Callable[[], np.ndarray]:
    """Return a call that computes such a product, of arrays that stay in place."""
    a, b, places = cut(a, b, out)
    return partial(np.matmul, a, b, out=places)


def by_columns(
    matrix: np.ndarray, columns: np.ndarray, out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (..., M, K), (..., K, N) and out (..., M, N), cut into small products."""
    *stack, m, k = matrix.shape
    n = columns.shape[-1]
    count = equal_parts(n, -(-m * k * n // SMALL))
    cut = columns.reshape(*stack, k, count, -1), out.reshape(*stack, m, count, -1)
    return matrix[..., None, :, :], cut[0].swapaxes(-3, -2), cut[1].swapaxes(-3, -2)


def times(matrix: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (M, K) @ (K, N), computed as small products."""
    out = aligned((len(matrix), columns.shape[1]), columns.dtype)
    return multiply(by_columns, matrix, columns, out)


def by_rows(
    a: np.ndarray, b: np.ndarray, out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (..., M, K), (..., N, K) and out (..., M, N) for a @ b.T with few rows."""
    *stack, m, _ = a.shape
    count = equal_parts(m, -(-m // ROWS))
    cut = (*stack, count, m // count, -1)
    return a.reshape(cut), b[..., None, :, :].swapaxes(-1, -2), out.reshape(cut)


def by_blocks(
    a: np.ndarray, b: np.ndarray, out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (..., M, K), (..., N, K) and out (..., M, N) for a @ b.T in blocks."""
    *stack, m, k = a.shape
    n = b.shape[-2]
    whole = m * n >= LARGE
    most = max(LEAST, min(ROWS, FIRST // k))
    rows, columns = (1, 1) if whole else (_parts(m, most), _parts(n))
    return (
        a.reshape(*stack, rows, 1, m // rows, k),
        b.reshape(*stack, 1, columns, n // columns, k).swapaxes(-1, -2),
        out.reshape(*stack, rows, m // rows, columns, n // columns).swapaxes(-3, -2),
    )


def by_few_rows(
    a: np.ndarray, b: np.ndarray, out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (..., M, K), (..., K, N) and out (..., M, N), cut where they are SMALL."""
    *stack, m, k = a.shape
    n = b.shape[-1]
    parts = _parts(m)
    if m // parts * k * n > SMALL:
        parts = 1
    cut = *stack, parts, m // parts
    return a.reshape(*cut, k), b[..., None, :, :], out.reshape(*cut, n)


def _parts(size: int, most: int = ROWS) -> int:
    """Return how many parts of at most so many rows there are, or 1."""
    return equal_parts(size, -(-size // most))
