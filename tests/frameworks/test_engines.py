"""The engines of Skylark: the same numbers, whatever the machine and however fast."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from numpy.lib.array_utils import byte_bounds
from sklearn.datasets import load_digits

from comparison.counting.code_length import ROOT
from frameworks import engines
from frameworks.fast import net, processes, threads, worker
from frameworks.fast.block import FusedBlock
from frameworks.fast.calls import Calls
from frameworks.fast.direct import Direct
from frameworks.fast.products import by_blocks, by_columns, by_rows, equal_parts
from frameworks.fast.scratch import LINE, Plan
from frameworks.fast.shard import scratch_size
from frameworks.fast.tournament import Tournament
from frameworks.fast.winograd import Winograd
from frameworks.layers import Conv2D, Flatten, MaxPool2D, ReLU, Sequential
from frameworks.layers import Dense as PlainDense
from frameworks.layers.windows import windows
from frameworks.loops import Conv3x3, Dense, LoopsNet, MaxPool2, Softmax
from models import Skylark_CNN

SHAPES = [
    (32, 32, 3),
    (9, 6, 3),
    (1, 7, 2),
    (1, 1, 1),
    (5, 1, 4),
    (3, 3, 9),
    (11, 13, 5),
]
NETWORKS = [((), (4,)), ((8,), ()), ((9, 10), (5,)), ((3, 17, 16), (7,))]


@pytest.fixture(autouse=True)
def shared_out(monkeypatch):
    """Two workers at least, and even the smallest batch is shared out among them."""
    monkeypatch.setattr(net, "WORK", 1)
    with threads.blas.limit(limits=max(2, threads.count())):
        yield


def images(shape, n=50, classes=3):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return X, rng.permutation(np.arange(n) % classes)


def largest_difference(first, second):
    weights = first.get_weights(), second.get_weights()
    return max(np.abs(weights[0][name] - weights[1][name]).max() for name in weights[0])


@pytest.mark.parametrize("activation", ["relu", None])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_fast_is_plain(shape, network, activation):
    """Two epochs with a short last batch: every weight and every probability."""
    X, y = images(shape)
    settings = {
        "filters": network[0],
        "hidden_units": network[1],
        "activation": activation,
        "epochs": 2,
        "batch_size": 40,
        "weight_decay": 0.01,
        "dtype": "float64",
        "random_state": 0,
    }
    plain = Skylark_CNN(**settings, engine="plain").fit(X, y)
    for n_jobs in (None, 1):
        fast = Skylark_CNN(**settings, n_jobs=n_jobs).fit(X, y)
        assert largest_difference(fast, plain) < 1e-12
        for some in (X, X[:1], X[:7]):
            np.testing.assert_allclose(
                fast.predict_proba(some), plain.predict_proba(some), atol=1e-12
            )


@pytest.mark.parametrize("batch_size", [1, 7, 8, 33, 64, 100, 1000])
def test_any_batch_is_shared_out(batch_size):
    X, y = images((12, 12, 3), n=150)
    plain, fast, forked = (
        Skylark_CNN(
            filters=(4, 5),
            epochs=1,
            batch_size=batch_size,
            dtype="float64",
            random_state=0,
            **how,
        ).fit(X, y)
        for how in ({"engine": "plain"}, {}, {"n_jobs": 2})
    )
    assert largest_difference(fast, plain) < 1e-12
    assert largest_difference(forked, plain) < 1e-12


def test_saturated_images_have_one_winner_a_window():
    """Every window ties; the first pixel of each has the gradient, as everywhere."""
    rng = np.random.default_rng(0)
    X = rng.choice(np.array([0, 255], np.uint8), (40, 1, 1, 1)) * np.ones(
        (1, 12, 12, 1), np.uint8
    )
    y = np.arange(40) % 2
    fitted = [
        Skylark_CNN(epochs=2, dtype="float64", random_state=0, engine=engine).fit(X, y)
        for engine in ("plain", "fast", "loops")
    ]
    assert largest_difference(fitted[0], fitted[1]) < 1e-12
    assert largest_difference(fitted[0], fitted[2]) < 1e-12


def test_another_layer_is_computed_by_the_plain_engine():
    """A subclass with a layer that the fast engine does not know still works."""

    class Doubled:
        def forward(self, x, training=True):
            return 2 * x

        def backward(self, dout):
            return 2 * dout

    class Other(Skylark_CNN):
        def build(self):
            super().build()
            layers = self.net_.net
            layers.layers = {"twice": Doubled()} | layers.layers
            self.net_ = engines.start(self.engine, layers, self.image_shape_, None)

    X, y = images((8, 8, 1))
    fitted = [
        Other(epochs=1, random_state=0, dtype="float64", engine=engine).fit(X, y)
        for engine in ("plain", "fast", "loops")
    ]
    for model in fitted:
        assert type(model.net_) is engines.PlainNet
        assert largest_difference(model, fitted[0]) == 0


def small(*extra):
    """A network for images (10, 7, 3), with weights away from 0, and further layers."""
    rng = np.random.default_rng(0)
    conv = Conv2D(3, 4, (3, 3), "float64", needs_dx=False)
    output = PlainDense(4 * 2 * 4, 5, "float64")
    for layer in (conv, output):
        layer.kernel[:] = rng.normal(size=layer.kernel.shape)
        layer.bias[:] = rng.normal(size=layer.bias.shape)
    return Sequential(
        conv1=Sequential(conv, ReLU(), *extra),
        pool1=MaxPool2D((2, 2)),
        flatten=Flatten(),
        output=output,
    )


class OtherReLU(ReLU):
    """A subclass may compute something else."""


class OtherSequential(Sequential):
    """As a residual block is one."""


class TestRuns:
    """Which engine computes a network: one place says it, and `start` keeps to it."""

    @pytest.mark.parametrize(
        ("engine", "expected"),
        [("fast", net.FastNet), ("plain", engines.PlainNet), ("loops", LoopsNet)],
    )
    def test_an_engine_computes_the_layers_that_it_knows(self, engine, expected):
        assert engines.runs(engine, small()) == engine
        assert type(engines.start(engine, small(), (10, 7, 3), 1)) is expected

    @pytest.mark.parametrize(
        "unknown",
        [OtherReLU(), OtherSequential(), Sequential(OtherReLU())],
        ids=["layer", "sequence", "inside another"],
    )
    @pytest.mark.parametrize("engine", engines.ENGINES)
    def test_any_other_layer_makes_it_plain(self, engine, unknown):
        net = small(unknown)
        assert engines.runs(engine, net) == "plain"
        assert type(engines.start(engine, net, (10, 7, 3), 1)) is engines.PlainNet


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_every_network_takes_images_as_the_contract_has_them(engine):
    """(n, h, w, c), not square; each layer against its formula."""
    layers = small()
    network = engines.start(engine, layers, (10, 7, 3), 1)
    assert network.net is layers
    x = np.random.default_rng(1).normal(size=(6, 10, 7, 3))

    conv, output = layers.weighted().values()
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    conv1 = np.einsum("nhwcij,ijcf->fhwn", windows, conv.kernel)
    conv1 = np.maximum(conv1 + conv.bias[:, None, None, None], 0)  # (4, 8, 5, 6)
    pool1 = conv1[:, :, :4].reshape(4, 4, 2, 2, 2, 6).max((2, 4))  # (4, 4, 2, 6)
    flat = pool1.transpose(1, 2, 0, 3).reshape(-1, 6)
    logits = output.kernel.T @ flat + output.bias[:, None]
    for layer, expected in (("conv1", conv1), ("pool1", pool1), ("output", logits)):
        np.testing.assert_allclose(network.forward(x, layer), expected, atol=1e-12)

    dlogits = network.forward(x, training=True)
    network.backward(dlogits)
    np.testing.assert_allclose(output.dkernel, flat @ logits.T, atol=1e-12)


class TestPieces:
    """Each trick by itself."""

    @pytest.mark.parametrize("columns", [1, 7, 4096, 12_000])
    def test_products_by_columns(self, columns):
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(16, 16)), rng.normal(size=(16, columns))
        out = np.empty((16, columns))
        matrix, cut, pieces = by_columns(a, b, out)
        np.matmul(matrix, cut, out=pieces)
        np.testing.assert_allclose(out, a @ b, atol=1e-12)

    @pytest.mark.parametrize("rows", [1, 31, 32, 64, 70])
    def test_products_by_rows(self, rows):
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(3, 2, rows, 50)), rng.normal(size=(3, 2, 9, 50))
        out = np.empty((3, 2, rows, 9))
        matrix, cut, pieces = by_rows(a, b, out)
        np.matmul(matrix, cut, out=pieces)
        np.testing.assert_allclose(out, a @ b.swapaxes(2, 3), atol=1e-12)

    @pytest.mark.parametrize(
        ("rows", "columns", "depth", "parts"),
        [
            (64, 64, 128, (2, 2)),
            (64, 64, 512, (4, 2)),  # of so long rows, fewer stay in the cache
            (24, 31, 5000, (3, 1)),
            (128, 128, 96, (1, 1)),  # large: whole
            (70, 96, 700, (7, 3)),
        ],
    )
    def test_products_by_blocks(self, rows, columns, depth, parts):
        rng = np.random.default_rng(0)
        a, b = (rng.normal(size=(3, 2, side, depth)) for side in (rows, columns))
        out = np.empty((3, 2, rows, columns))
        first, second, pieces = by_blocks(a, b, out)
        assert pieces.shape[2:4] == parts
        np.matmul(first, second, out=pieces)
        np.testing.assert_allclose(out, a @ b.swapaxes(2, 3), atol=1e-11)

    @pytest.mark.parametrize(
        ("size", "at_least", "expected"),
        [(96, 3, 3), (70, 3, 5), (521, 2, 1), (7, 1, 1)],
    )
    def test_equal_parts(self, size, at_least, expected):
        """A prime stays whole: single columns are slow, and many take memory."""
        assert equal_parts(size, at_least) == expected

    @pytest.mark.parametrize("window", [(1, 1), (1, 2), (2, 1), (2, 2)])
    def test_tournament_is_max_pool(self, window):
        """With ties: small whole numbers."""
        rng = np.random.default_rng(0)
        x = rng.integers(0, 3, (4, 6, 8, 5)).astype(float)
        pool = MaxPool2D(window)
        expected = pool.forward(x)
        dout = rng.normal(size=expected.shape)
        phases = np.stack(list(windows(x, window, window))).reshape(
            *window, *expected.shape
        )
        between, out = np.empty_like(phases[:, 0]), np.empty_like(expected)
        tournament = Tournament(phases, between, keep=True)
        for make in (lambda c: tournament.forward(c, out), None):
            calls = Calls()
            make(calls) if make else tournament.backward(calls, dout)
            calls.run()
        assert (out == expected).all()
        dx = np.stack(list(windows(pool.backward(dout), window, window)))
        assert (phases.reshape(dx.shape) == dx).all()

    def test_winograd_is_direct(self):
        rng = np.random.default_rng(0)
        conv = Conv2D(16, 18, (3, 3), "float64")
        conv.kernel[:] = rng.normal(size=conv.kernel.shape)
        x = rng.normal(size=(9, 16, 10, 3))
        rows, found = slice(1, 3), []
        for product in (Direct(conv, (2, 2)), Winograd(conv)):
            product.prepare()
            plan = product.plan(rows, 4, 3, keep=True)
            band = product.band(x, rows, plan.bind(np.empty(plan.size, np.uint8)))
            calls, dmatrix = Calls(), np.empty_like(product.matrix)
            dx = np.zeros_like(x)
            band.forward(calls)
            calls.run()
            phases = band.phases.copy()
            band.phases[:] = np.sin(np.arange(phases.size)).reshape(phases.shape)
            calls = Calls()
            band.backward_kernel(calls, dmatrix)
            band.backward_x(calls, dx)
            calls.run()
            found.append((phases, product.gather(dmatrix), dx))
        for direct, winograd in zip(*found, strict=True):
            assert np.abs(direct).max() > 1
            np.testing.assert_allclose(winograd, direct, atol=1e-10)

    def test_blocks_are_fused_and_what_follows_is_not(self):
        model = Skylark_CNN(filters=(4, 4), hidden_units=(3,), epochs=1)
        model.fit(*images((12, 12, 1)))
        blocks, layers = worker.fuse(model.net_.net, (12, 12))
        assert [block.windows for block in blocks] == [(5, 5), (1, 1)]
        assert len(layers) == 3


class TestScratch:
    """Memory is measured from sizes, and only then bound."""

    def test_arrays_lie_in_lines_of_their_own(self):
        plan = Plan("float32")
        plan.add("first", 3, 5)  # 60 bytes, one line
        plan.add("kept", 1000, kept=True)
        plan.add("second", 17)  # 68 bytes, two lines
        plan.overwrite("second")
        plan.add("third", 4)
        assert plan.size == 3 * LINE
        buffer = np.empty(plan.size, np.uint8)
        arrays = plan.bind(buffer)
        start = buffer.ctypes.data
        offsets = {name: a.ctypes.data - start for name, a in arrays.items()}
        assert not np.shares_memory(arrays.pop("kept"), buffer)
        assert offsets["first"] == 0
        assert offsets["second"] == offsets["third"] == LINE
        assert [a.shape for a in arrays.values()] == [(3, 5), (17,), (4,)]

    @pytest.mark.parametrize("keep", [False, True])
    @pytest.mark.parametrize("channels", [3, 16], ids=["direct", "winograd"])
    def test_a_band_takes_the_bytes_that_were_measured(self, channels, keep):
        """And no other memory, but what is kept from forwards to backwards."""
        block = FusedBlock(
            Conv2D(channels, 16, (3, 3), "float32"), True, (2, 2), (12, 12)
        )
        for rows in (slice(0, 3), slice(3, 5)):
            plan = block.plan(rows, 7, keep)
            buffer = np.empty(plan.size, np.uint8)
            arrays = plan.bind(buffer)
            inside = {n for n, a in arrays.items() if np.shares_memory(a, buffer)}
            kept = {"copies", "transformed"} if keep else set()
            assert arrays.keys() - inside == kept & arrays.keys()
            ends = [byte_bounds(arrays[name])[1] for name in inside]
            assert 0 <= byte_bounds(buffer)[1] - max(ends) < LINE
            assert ("dmatrix" in inside) == (keep and rows.start > 0)
            with pytest.raises(ValueError, match="reshape"):
                plan.bind(buffer[:-LINE])

    @pytest.mark.parametrize("keep", [False, True])
    def test_arrays_share_no_bytes_but_with_the_tiles(self, keep):
        block = FusedBlock(Conv2D(16, 16, (3, 3), "float32"), True, (2, 2), (12, 12))
        plan = block.plan(slice(3, 5), 7, keep)
        arrays = plan.bind(np.empty(plan.size, np.uint8))
        tiles = arrays.pop("tiles")
        assert np.shares_memory(tiles, arrays["phases"])
        assert not np.shares_memory(tiles, arrays["products"])
        assert not np.shares_memory(tiles, arrays["transformed"])
        for first, second in combinations(arrays.values(), 2):
            assert not np.shares_memory(first, second)

    def test_every_shard_is_bound_once_in_one_buffer(self):
        """Nothing is made to be thrown away; a larger shard has a larger buffer."""
        X, y = images((20, 20, 3), n=worker.SHARD)
        settings = {"filters": (16, 16), "epochs": 1, "n_jobs": 1, "batch_size": 8}
        (alone,) = Skylark_CNN(**settings).fit(X, y).net_.threads.workers
        x = X.astype("float32")
        before, size = len(alone.buffer), scratch_size(alone.blocks, x, keep=True)
        assert before == scratch_size(alone.blocks, x[:8], keep=True) < size
        tracemalloc.start()
        try:
            shard = alone._shard(x, keep=True)
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(alone.buffer) == size
        assert left > size
        assert peak - left < 100_000
        assert np.shares_memory(shard.apart, alone.buffer)
        for block in shard.blocks:
            for _, arrays, product, _ in block.bands:
                assert np.shares_memory(product.phases, alone.buffer)
                assert product.phases is arrays["phases"]

    def test_a_forward_pass_allocates_no_array(self):
        """But the 8,192 numbers at a time that NumPy casts bools in."""
        X, y = images((20, 20, 3), n=worker.SHARD)
        settings = {"filters": (16, 16), "epochs": 1, "n_jobs": 1}
        (alone,) = Skylark_CNN(**settings).fit(X, y).net_.threads.workers
        (shard,) = alone.active
        tracemalloc.start()
        try:
            for block in shard.blocks:
                block.forward.run()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 100_000


def test_memory_does_not_grow_with_the_sizes_that_were_predicted():
    X, y = images((12, 12, 3), n=64)
    model = Skylark_CNN(epochs=1, random_state=0, n_jobs=1).fit(X, y)
    for n in range(1, 40):
        model.predict(X[:n])
    (alone,) = model.net_.threads.workers
    assert sum(map(len, alone.shards[False])) <= 4


def test_a_prediction_between_forward_and_backward_changes_nothing():
    X, y = images((12, 12, 3), n=64)
    net = Skylark_CNN(epochs=1, random_state=0, n_jobs=1).fit(X, y).net_
    x = X.astype("float32")
    found = []
    for between in (lambda: None, lambda: net.forward(x[:5])):
        logits = net.forward(x, training=True)
        between()
        net.backward(logits)
        found.append([layer.dkernel.copy() for layer in net.net.weighted().values()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


class TestThreads:
    def test_an_error_is_raised_after_all_have_ended(self):
        ended = []

        def fail():
            raise MemoryError("no more")

        def slow():
            time.sleep(0.1)
            ended.append(True)

        with pytest.raises(MemoryError, match="no more"):
            threads.crew.run([fail, slow])
        assert ended == [True]
        assert threads.crew.run([lambda: 1, lambda: 2, lambda: 3]) == [1, 2, 3]

    def test_one_model_predicts_for_many_threads(self):
        X, y = images((16, 16, 3), n=200)
        model = Skylark_CNN(epochs=1, random_state=0).fit(X, y)
        expected = model.predict_proba(X)
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(model.predict_proba, [X] * 20):
                assert (found == expected).all()

    def test_a_forked_process_predicts(self):
        """It has none of its parent's threads."""
        if "fork" not in multiprocessing.get_all_start_methods():
            pytest.skip("this system does not fork")
        X, y = images((16, 16, 3))
        model = Skylark_CNN(epochs=1, random_state=0).fit(X, y)
        expected = model.predict_proba(X)
        reader, writer = multiprocessing.get_context("fork").Pipe()
        child = multiprocessing.get_context("fork").Process(
            target=lambda: writer.send((model.predict_proba(X) == expected).all())
        )
        child.start()
        assert reader.poll(30)
        assert reader.recv()
        child.join()

    def test_one_blas_thread_is_one_worker(self):
        with threads.blas.limit(limits=1):
            model = Skylark_CNN(epochs=1).fit(*images((8, 8, 1)))
        assert model.net_.jobs == 1


forking = pytest.mark.skipif(
    processes.why_not() is not None, reason="n_jobs forks on Linux alone"
)


def children():
    """The processes that this one has started, and not yet waited for."""
    me = os.getpid()
    return set(map(int, Path(f"/proc/{me}/task/{me}/children").read_text().split()))


def stopped(code):
    """Run code until it prints, press Ctrl-C; return its errors: nothing is left."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        run.stdout.readline()
        os.killpg(run.pid, signal.SIGINT)
        _, stderr = run.communicate(timeout=60)
    assert stderr.strip().endswith("KeyboardInterrupt")
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)
    return stderr


@forking
class TestProcesses:
    @pytest.fixture(autouse=True)
    def others(self):
        """The children that were there before, of joblib; no more are left behind."""
        get_reusable_executor().shutdown(wait=True)
        before = children()
        yield before
        assert children() <= before

    def test_a_thread_that_reads_from_stdin_holds_nobody_up(self):
        """To close it, as a process of multiprocessing does, would wait forever."""
        code = (
            "import sys, threading, numpy as np; from models import Skylark_CNN\n"
            "threading.Thread(target=sys.stdin.read, daemon=True).start()\n"
            "X, y = np.zeros((500, 32, 32, 3), np.uint8), np.arange(500) % 2\n"
            "print(Skylark_CNN(epochs=1, n_jobs=2).fit(X, y).n_iter_)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as run:
            assert run.stdout.readline() == "1\n"

    def test_the_bits_of_one_thread(self):
        """Where both cut a batch into the same shards."""
        X, y = images((16, 16, 3), n=384)
        settings = {"filters": (4, 16), "batch_size": 2 * worker.SHARD, "epochs": 2}
        one, two = (
            Skylark_CNN(n_jobs=n, random_state=0, **settings).fit(X, y) for n in (1, 2)
        )
        assert largest_difference(one, two) == 0
        assert one.history_["loss"] == two.history_["loss"]

    def test_three_share_batches_of_any_size(self, monkeypatch):
        """The last 50 images, for two of them, are larger shares than 64 for three."""
        X, y = images((16, 16, 3), n=114)
        plain = Skylark_CNN(engine="plain", epochs=1, dtype="float64", random_state=0)
        plain.fit(X, y)
        monkeypatch.setattr(net, "WORK", 20 * 3 * 2 * 14 * 14 * 27 * 8)
        three = Skylark_CNN(n_jobs=3, epochs=1, dtype="float64", random_state=0)
        assert largest_difference(three.fit(X, y), plain) < 1e-12

    def test_they_end_with_the_fit(self, others):
        X, y = images((8, 8, 1))
        seen = []

        def look(model, logs):
            seen.append(len(children() - others))
            return True

        Skylark_CNN(epochs=3, n_jobs=2, on_epoch_end=look).fit(X, y)
        assert seen == [1]

    def test_one_that_dies_is_said(self, others):
        X, y = images((8, 8, 1))

        def kill(model, logs):
            (child,) = children() - others
            os.kill(child, signal.SIGKILL)

        with pytest.raises(RuntimeError, match="exit code -9, perhaps out of memory"):
            Skylark_CNN(epochs=3, n_jobs=2, on_epoch_end=kill).fit(X, y)

    def test_an_error_of_theirs_is_raised_here(self):
        parent = os.getpid()

        class Failing:
            def forward(self, x):
                if os.getpid() != parent:
                    raise MemoryError("not here")
                return [x]

        team = processes.Processes([Failing(), Failing()], [np.zeros(4)])
        try:
            with pytest.raises(MemoryError, match="not here"):
                team.call("forward", [np.zeros((2, 3))] * 2)
        finally:
            team.close()

    def test_ctrl_c_ends_them(self):
        code = (
            "import numpy as np; from models import Skylark_CNN\n"
            "X, y = np.zeros((2000, 32, 32, 3), np.uint8), np.arange(2000) % 2\n"
            "tell = lambda model, logs: print('epoch', flush=True)\n"
            "Skylark_CNN(epochs=10**6, n_jobs=2, on_epoch_end=tell).fit(X, y)\n"
        )
        assert stopped(code).count("Traceback") == 1

    def test_a_worker_that_may_not_fork_says_so_and_goes_on(self):
        X, y = images((8, 8, 1))
        context = multiprocessing.get_context("fork")
        reader, writer = context.Pipe()

        def fit():
            with pytest.warns(UserWarning, match="takes threads, not processes"):
                model = Skylark_CNN(epochs=1, n_jobs=2, random_state=0).fit(X, y)
            writer.send(model.history_["loss"])

        child = context.Process(target=fit, daemon=True)
        child.start()
        assert reader.poll(30)
        alone = Skylark_CNN(epochs=1, random_state=0).fit(X, y)
        np.testing.assert_allclose(reader.recv(), alone.history_["loss"], 1e-5)
        child.join()


@forking
def test_workers_of_joblib_have_theirs():
    X, y = images((8, 8, 1))
    alone = Skylark_CNN(epochs=1, n_jobs=2, random_state=0).fit(X, y)
    fitted = Parallel(2)(delayed(alone.fit)(X, y) for _ in range(2))
    assert all(largest_difference(alone, model) < 1e-6 for model in fitted)


class TestLoops:
    """The tutorial's layers, as the tutorial uses them."""

    def test_shapes(self):
        """32x32x1 -> 30x30x8 -> 15x15x8 -> 10, and the same with three channels."""
        rng = np.random.default_rng(0)
        for shape in ((32, 32), (32, 32, 1), (32, 32, 3)):
            conv, pool, softmax = Conv3x3(8), MaxPool2(), Softmax(15 * 15 * 8, 10)
            out = conv.forward(rng.uniform(-0.5, 0.5, shape))
            assert out.shape == (30, 30, 8)
            out = pool.forward(out)
            assert out.shape == (15, 15, 8)
            out = softmax.forward(out)
            assert out.shape == (10,)
            assert out.sum() == pytest.approx(1)

    def test_it_learns_by_the_tutorials_loop(self):
        digits = load_digits()
        conv, pool, softmax = Conv3x3(8), MaxPool2(), Softmax(3 * 3 * 8, 10)
        losses = []
        for image, label in zip(digits.images[:600], digits.target[:600], strict=True):
            out = softmax.forward(pool.forward(conv.forward(image / 16 - 0.5)))
            losses.append(-np.log(out[label]))
            gradient = np.zeros(10)
            gradient[label] = -1 / out[label]
            gradient = softmax.backprop(gradient, 0.05)
            conv.backprop(pool.backprop(gradient), 0.05)
        assert np.mean(losses[:100]) > 1.5
        assert np.mean(losses[-100:]) < 0.7

    @pytest.mark.parametrize("channels", [(), (2,)])
    def test_convolution_gradients(self, channels):
        rng = np.random.default_rng(0)
        image, conv = rng.normal(size=(5, 4, *channels)), Conv3x3(2)
        dout = rng.normal(size=conv.forward(image).shape)
        dimage = conv.backprop(dout, 0)
        for array, found in ((image, dimage), (conv.filters, conv.d_L_d_filters)):
            for index in np.ndindex(array.shape):
                array[index] += 1e-6
                above = np.sum(conv.forward(image) * dout)
                array[index] -= 2e-6
                below = np.sum(conv.forward(image) * dout)
                array[index] += 1e-6
                assert found[index] == pytest.approx((above - below) / 2e-6, abs=1e-7)

    def test_softmax_gradient(self):
        rng = np.random.default_rng(0)
        x, softmax = rng.normal(size=(2, 3)), Softmax(6, 4)
        dout = rng.normal(size=4)
        softmax.forward(x)
        dx = softmax.backprop(dout, 0)
        assert dx.shape == x.shape
        for index in np.ndindex(x.shape):
            moved = np.zeros_like(x)
            moved[index] = 1e-6
            above, below = softmax.forward(x + moved), softmax.forward(x - moved)
            assert dx[index] == pytest.approx((above - below) @ dout / 2e-6, abs=1e-8)

    def test_backprop_moves_the_weights(self):
        dense = Dense(3, 2)
        before = dense.weights.copy()
        dense.forward(np.array([1.0, 2.0, 3.0]))
        dense.backprop(np.array([1.0, 0.0]), 0.5)
        assert (before - dense.weights)[:, 0].tolist() == pytest.approx([0.5, 1, 1.5])
        assert dense.biases.tolist() == [-0.5, 0]

    def test_the_first_of_tied_pixels_wins(self):
        pool = MaxPool2()
        pool.forward(np.zeros((2, 4, 1)))
        dx = pool.backprop(np.array([5.0, 7.0]).reshape(1, 2, 1))
        assert dx[:, :, 0].tolist() == [[5, 0, 7, 0], [0, 0, 0, 0]]

    def test_one_image_at_a_time_is_a_batch_of_one(self):
        X, y = images((8, 8, 3), n=12)
        loops, plain = (
            Skylark_CNN(
                batch_size=1, epochs=1, dtype="float64", random_state=0, engine=engine
            ).fit(X, y)
            for engine in ("loops", "plain")
        )
        assert largest_difference(loops, plain) < 1e-13


def test_a_small_batch_is_not_shared_out(monkeypatch):
    """To wake a thread would cost more than it saves."""
    monkeypatch.undo()
    model = Skylark_CNN(epochs=1, random_state=0).fit(*images((32, 32, 3)))
    if model.net_.jobs == 1:
        pytest.skip("BLAS has one thread here")
    shares = {n: len(model.net_._shares(n, training=True)) for n in (1, 8, 64, 1000)}
    assert shares[1] == shares[8] == 1
    assert shares[64] == 2
    assert shares[1000] == model.net_.jobs


def test_the_engine_can_be_changed_between_fits():
    X, y = images((8, 8, 1))
    model = Skylark_CNN(epochs=1, warm_start=True, random_state=0, dtype="float64")
    model.fit(X, y).set_params(engine="plain").fit(X, y)
    assert model.n_iter_ == 2
    assert type(model.net_) is engines.PlainNet


def test_no_thread_is_left_behind():
    X, y = images((8, 8, 1))
    Skylark_CNN(epochs=1).fit(X, y)
    before = threading.active_count()
    for _ in range(5):
        Skylark_CNN(epochs=1).fit(X, y)
    assert threading.active_count() == before


@pytest.mark.parametrize("n_jobs", [0, -2])
def test_n_jobs_is_checked(n_jobs):
    with pytest.raises(ValueError, match="n_jobs"):
        Skylark_CNN(n_jobs=n_jobs).fit(*images((8, 8, 1)))
