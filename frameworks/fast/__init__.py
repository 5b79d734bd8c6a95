"""The fast engine: the plain layers' numbers, at the speed of the machine.

Any network can be `shared`: a `member` of its team has a share of each batch, on a
thread or in a process (`teams`), and the sums of `norms` are added up at a `meeting`.
Members run the plain layers, but for convolutions: those 3x3 go by `tiles`, 1x1
`pointwise`, those of single channels `depthwise`, and others `banded`. Predictions have
norms `folded` into convolutions. Norms overwrite gradients that are `owned` by them
alone.
Whether a fit is worth processes is decided by counting its `work`. The rest of this
folder serves the small CNN.

`net` shares each batch among workers: `threads` or `processes`. A `worker` cuts its
share into shards (`shard`) that fit a core's cache. In a shard, convolution, ReLU and
pool are one `block`, whose products are `direct` or `winograd`, and whose maximum is a
`tournament`. What a block asks of its products is written down in `protocols`. Each
file says what its trick gains.

The letters are those of `frameworks/layers/`, and beside them

    ph, pw  height and width of the pool's window; a, b a position in it
    h, w    height and width of the block's output, in windows
    q       w n: one row of windows, of all images

A batch arrives as (n, H, W, c), and each shard copies its images to (H, c, W, n): whole
rows are contiguous, and so is any band of them; within a row, as in the plain layers,
every shift is one long run.
"""
