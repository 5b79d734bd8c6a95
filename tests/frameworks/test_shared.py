"""Any network in shares: the plain layers' numbers, whatever happens to a worker."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from frameworks import engines
from frameworks.engines import PlainNet
from frameworks.fast import shared, threads, tiles
from frameworks.fast.folded import FoldedConv2D, folded
from frameworks.fast.fused import with_activations
from frameworks.fast.member import ways
from frameworks.fast.memory import Growth
from frameworks.fast.shared import SharedNet
from frameworks.fast.tiles import TiledConv2D
from frameworks.layers import BatchNorm2D, MaxPool2D, ReLU, Sequential
from frameworks.weights import is_trained
from networks import resnet
from tests.comparison.test_sameness import FAMILIES, SIZES
from tests.frameworks.test_engines import children, forking, stopped

SHAPE, CLASSES = (8, 7, 3), 4


def network(family="resnet", **sizes):
    """The layers of a small network, with weights drawn away from 0 and 1."""
    model = FAMILIES[family]["skylark"](**SIZES[family] | sizes, dtype="float64")
    model.image_shape_, model.classes_ = SHAPE, np.arange(CLASSES)
    net, rng = model.network(), np.random.default_rng(0)
    for name, weight in sorted(net.weights().items()):
        scale = 1 if name.endswith(("gamma", "variance")) else 0
        weight[:] = rng.normal(scale, 0.3, weight.shape)
        if scale:
            weight[:] = np.abs(weight) + 0.5
    return net


def step(net, x, dlogits):
    """Outputs, gradients and state of a step, by name."""
    logits = net.forward(x, training=True)
    net.backward(dlogits)
    found = {"logits": logits}
    for name, layer in net.net.weighted().items():
        for role in layer.roles:
            what = f"d{role}" if is_trained(role) else role
            found[f"{name}.{what}"] = getattr(layer, what).copy()
    return found


def in_shares(nets, cut, x, dout):
    """Output and gradient of x: each net computes its share of the images."""

    def one(net, x, dout):
        return net.forward(x, training=True).copy(), net.backward(dout)

    shares = [(x[..., a:b], dout[..., a:b]) for a, b in pairwise(cut)]
    with ThreadPoolExecutor(len(nets)) as pool:
        steps = list(pool.map(one, nets, *zip(*shares, strict=True)))
    return [np.concatenate(parts, axis=-1) for parts in zip(*steps, strict=True)]


def batch(n):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, *SHAPE)), rng.normal(size=(CLASSES, n))


@pytest.mark.parametrize(("workers", "n"), [(1, 7), (2, 13), (3, 8), (3, 2), (2, 1)])
@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_plain(family, workers, n, monkeypatch):
    """Two steps, a prediction, and a layer in the middle."""
    monkeypatch.setattr(tiles, "PREDICTED", tiles.IMAGES)
    monkeypatch.setattr(shared, "PIXELS", 1)  # few images are predicted in shares too
    nets = PlainNet(network(family)), SharedNet(network(family), workers)
    for seed in range(2):
        x, dlogits = batch(n)
        expected, found = (step(net, x + seed, dlogits) for net in nets)
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            size = max(np.linalg.norm(array), 1e-3)
            assert np.linalg.norm(found[name] - array) / size < 1e-9, name
    for layer in (list(nets[0].net.layers)[1], "output"):
        ours, theirs = (net.forward(x, layer) for net in nets)
        np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-9)


def test_convolutions_by_tiles_are_plain():
    nets = [start(network(width=8)) for start in (PlainNet, lambda n: SharedNet(n, 2))]
    team, _ = nets[1]._shared_out(12, True)
    layers = [layer for _, layer in team.members[0].net.net.leaves()]
    assert sum(isinstance(layer, TiledConv2D) for layer in layers) >= 3
    expected, found = (step(net, *batch(12)) for net in nets)
    for name, array in expected.items():
        size = max(np.linalg.norm(array), 1e-3)
        assert np.linalg.norm(found[name] - array) / size < 1e-9, name


def test_in_which_ways_layers_are_computed():
    """Three blocks of two convolutions, two of which have a stride and a shortcut."""
    assert ways(network(width=8, blocks=(1, 1, 1))) == {
        "by tiles": 5,
        "by bands of rows": 4,
        "with sums over all shares": 9,
        "plainly": 2,
    }


def test_the_same_bits_every_time():
    x, dlogits = batch(9)
    first, *others = (step(SharedNet(network(), 3), x, dlogits) for _ in range(5))
    for other in others:
        assert all((other[name] == array).all() for name, array in first.items())


def test_a_prediction_disturbs_no_step():
    x, dlogits = batch(6)
    nets = SharedNet(network(), 2), SharedNet(network(), 2)
    expected = step(nets[0], x, dlogits)
    nets[1].forward(x, training=True)
    nets[1].forward(x[:5])
    nets[1].backward(dlogits)
    kernel = nets[1].net.weighted()["stem.conv"].dkernel
    assert (kernel == expected["stem.conv.dkernel"]).all()


def test_predictions_of_few_images_are_one_workers():
    """Threads would wait for each other longer than they save."""
    net = SharedNet(network(), 2, (32, 32, 3))
    large = SharedNet(network(), 2, (224, 224, 3))
    for ours, n, training, workers in (
        (net, 1, False, 1),
        (net, 32, False, 1),
        (net, 32, True, 2),
        (net, 64, False, 2),
        (large, 1, False, 1),
        (large, 2, False, 2),
    ):
        team, shares = ours._shared_out(n, training)
        assert len(team.members) == len(shares) == workers, (n, training)


@pytest.mark.parametrize("error", [ValueError("a layer"), KeyboardInterrupt()])
@pytest.mark.parametrize("worker", [0, 1])
def test_an_error_ends_all_workers_and_the_next_step_works(error, worker):
    """Nobody waits for ever at the norm that one of them never comes to."""
    x, dlogits = batch(6)
    net = SharedNet(network(), 2)
    expected = step(SharedNet(network(), 2), x, dlogits)

    def fails(x, training=True):
        raise error

    team, _ = net._shared_out(6, True)
    team.members[worker].net.net.layers["stage1.block1"].forward = fails
    with pytest.raises(type(error)):
        net.forward(x, training=True)
    state = net.net.weighted()["stem.norm"]
    state.mean[:], state.variance[:] = (
        network().weights()[f"stem.norm.{role}"] for role in ("mean", "variance")
    )
    found = step(net, x, dlogits)
    assert (found["logits"] == expected["logits"]).all()


def test_with_fewer_threads_there_are_fewer_workers(monkeypatch):
    monkeypatch.setattr(threads, "crew", threads.Crew())
    grow = threads.crew.grow
    monkeypatch.setattr(threads.crew, "grow", lambda wanted: grow(min(wanted, 1)))
    net = SharedNet(network(), 4)
    x, dlogits = batch(8)
    found, expected = step(net, x, dlogits), step(PlainNet(network()), x, dlogits)
    assert len(net.training[1]) == 2
    np.testing.assert_allclose(found["logits"], expected["logits"], rtol=1e-9)


def test_two_networks_at_a_time():
    """Their workers wait for each other, and not for the other network's."""
    x, dlogits = batch(8)
    expected = step(SharedNet(network(), 3), x, dlogits)
    found = []

    def train():
        found.extend(step(SharedNet(network(), 3), x, dlogits) for _ in range(5))

    both = [threading.Thread(target=train) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert len(found) == 10
    for other in found:
        assert all((other[name] == array).all() for name, array in expected.items())


@forking
class TestPredictions:
    """Norms are in the kernels before them; the numbers are those of both."""

    @pytest.mark.parametrize("family", FAMILIES)
    def test_are_those_of_the_plain_layers(self, family):
        net, x = network(family), batch(6)[0].transpose(3, 1, 2, 0)
        predicting = with_activations(folded(net))
        for layer in net.layers:
            expected = net.forward(x, training=False, last=layer)
            found = predicting.forward(x, training=False, last=layer)
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)

    def test_follow_the_weights(self):
        net, x = network(), batch(6)[0].transpose(3, 1, 2, 0)
        predicting = folded(net)
        before = predicting.forward(x, training=False)
        for weight in net.weights().values():
            weight *= 1.1
        after = predicting.forward(x, training=False)
        assert np.abs(after - before).max() > 0.01
        np.testing.assert_allclose(after, net.forward(x, training=False), rtol=1e-10)

    @pytest.mark.parametrize("family", ["mobilenet", "resnet", "densenet"])
    def test_what_is_folded(self, family):
        """DenseNet has norms that come before a convolution: they stay."""
        leaves = [layer for _, layer in folded(network(family)).leaves()]
        assert sum(isinstance(layer, FoldedConv2D) for layer in leaves) >= 3
        norms = sum(isinstance(layer, BatchNorm2D) for layer in leaves)
        assert (norms > 0) == (family == "densenet")

    @pytest.mark.parametrize("family", ["efficientnet", "resnet"])
    def test_keep_nothing(self, family):
        """Activations that are computed with what comes before them, as well."""
        net, x = network(family), batch(6)[0].transpose(3, 1, 2, 0)
        predicting = with_activations(folded(net))
        predicting.forward(x, training=False)
        leaves = [layer for _, layer in predicting.leaves()]
        fused = [k.activation for k in leaves if isinstance(k, FoldedConv2D)]
        assert sum(activation is not None for activation in fused) >= 3
        assert not any(getattr(activation, "gates", None) for activation in fused)

    def test_leave_training_as_it_is(self):
        """A prediction between two steps changes nothing of the second."""
        x, d = batch(6)
        first, second = (SharedNet(network("mobilenet"), 1) for _ in range(2))
        for net in (first, second):
            step(net, x, d)
        second.forward(x)
        expected, found = step(first, x, d), step(second, x, d)
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, name)


class TestProcesses:
    """Forked workers meet in shared memory; they give the bits of threads."""

    @pytest.fixture(autouse=True)
    def none_is_left(self):
        before = children()
        yield
        assert children() <= before

    def test_the_bits_of_threads(self):
        """In batches of any size after the first, for two and three workers."""
        for workers in (2, 3):
            threaded, forked = (SharedNet(network(width=8), workers) for _ in range(2))
            with forked.processes(images=1):
                for n in (8, 1, 2, 7):
                    expected, found = (
                        step(net, *batch(n)) for net in (threaded, forked)
                    )
                    assert all(
                        (found[k] == array).all() for k, array in expected.items()
                    )
                    logits = [net.forward(batch(5)[0]) for net in (threaded, forked)]
                    assert (logits[0] == logits[1]).all()

    def test_a_fit_takes_them(self):
        rng = np.random.default_rng(0)
        X, y = rng.integers(0, 256, (12, 6, 6, 1), dtype=np.uint8), np.arange(12) % 2
        before, seen = children(), []

        def look(model, logs):
            seen.append(len(children() - before))

        settings = {"blocks": (1,), "width": 2, "epochs": 2, "batch_size": 8}
        model = resnet.Skylark_ResNet(**settings, n_jobs=2, on_epoch_end=look)
        model.fit(X, y)
        assert seen == [1, 1]

    @pytest.mark.parametrize("worker", [0, 1])
    def test_an_error_of_one_ends_the_wait_of_the_other(self, worker):
        net = SharedNet(network(), 2)

        def fails(x, training=True):
            raise MemoryError("a layer")

        with net.processes(images=1):
            members = net.forked.team.workers
            members[worker].net.net.layers["stage1.block1"].forward = fails
            with pytest.raises(MemoryError, match="a layer"):
                step(net, *batch(6))

    def test_the_error_of_the_last_is_told_from_those_who_waited_for_it(self):
        net = SharedNet(network(), 3)

        def fails(x, training=True):
            raise MemoryError("a layer")

        with net.processes(images=1):
            members = net.forked.team.workers
            members[2].net.net.layers["stage1.block1"].forward = fails
            with pytest.raises(MemoryError, match="a layer"):
                step(net, *batch(6))

    @pytest.mark.parametrize(("images", "expected"), [(100, False), (10**9, True)])
    def test_large_fits_take_them_unasked(self, images, expected, monkeypatch):
        """By counting, so a fit is computed alike every time."""
        monkeypatch.setattr(threads, "count", lambda: 2)
        net = SharedNet(network(), None, SHAPE)
        unasked = SharedNet(network(), 1, SHAPE)
        with net.processes(images), unasked.processes(images):
            assert bool(net.forked) == expected
            assert not unasked.forked
            found = step(net, *batch(6))
        alone = step(SharedNet(network(), 2), *batch(6))
        assert all((found[name] == array).all() for name, array in alone.items())

    def test_ctrl_c_ends_them_wherever_they_are(self):
        """Also while one of them waits for the other at a norm."""
        code = (
            "import numpy as np; from networks.resnet import Skylark_ResNet\n"
            "X, y = np.zeros((256, 32, 32, 3), np.uint8), np.arange(256) % 2\n"
            "tell = lambda model, logs: print('epoch', flush=True)\n"
            "settings = {'epochs': 10**6, 'n_jobs': 2, 'on_epoch_end': tell}\n"
            "Skylark_ResNet(blocks=(1,), width=8, **settings).fit(X, y)\n"
        )
        stopped(code)

    def test_ctrl_c_before_this_one_comes_to_the_norm(self):
        """The other waits there, and this process waits until it has ended."""
        net = SharedNet(network(), 2)

        def interrupted(x):
            raise KeyboardInterrupt

        def fit():
            with net.processes(images=1):
                net.forked.team.workers[0].forward = interrupted
                step(net, *batch(6))

        with pytest.raises(KeyboardInterrupt):
            fit()

    def test_their_memory_is_counted(self):
        before = Growth.total
        net = SharedNet(network(width=8), 2)
        with net.processes(images=1):
            for _ in range(3):
                net.forward(np.zeros((4000, *SHAPE)), training=True)
        assert Growth.total - before > 4000 / 2 * 8 * 8 * 7 * 8  # a layer's output

    def test_one_that_is_killed_at_work_is_said(self):
        """The other does not wait for ever at the norm that it never comes to."""
        net, parent = SharedNet(network(), 2), os.getpid()

        def dies(x, training=True):
            assert os.getpid() != parent
            os.kill(os.getpid(), signal.SIGKILL)

        with net.processes(images=1):
            members = net.forked.team.workers
            members[1].net.net.layers["stage1.block1"].forward = dies
            with pytest.raises(RuntimeError, match="exit code -9"):
                step(net, *batch(6))


class Own(ReLU):
    """Images may meet in it."""


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (MaxPool2D((3, 3), 2, 1), "shared"),
        (BatchNorm2D(3), "shared"),
        (Own(), "plain"),
        (Sequential(Own()), "plain"),
        (Sequential(Sequential(ReLU()), BatchNorm2D(3)), "shared"),
    ],
    ids=["padded pool", "norm", "own", "own inside", "norm inside"],
)
def test_which_networks_it_takes(layer, expected):
    assert engines.runs("fast", Sequential(output=layer)) == expected
    assert engines.runs("loops", Sequential(output=layer)) == "plain"
