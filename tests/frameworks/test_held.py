"""Settings of the process that several threads hold at once, and forks of it."""

import multiprocessing
import threading
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.model_selection import cross_val_score

from frameworks.fast import threads
from frameworks.held import ForkSafeLock, Held
from models import Skylark_CNN

forks = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(),
    reason="this system does not fork",
)


@pytest.fixture
def setting():
    """A setting, and a context in which it is "changed"."""
    state = {"is": "as it was"}

    def change():
        before = state["is"]
        state["is"] = "changed"
        return lambda: state.update({"is": before})

    return state, Held(change)


@contextmanager
def held_elsewhere(held):
    """Meanwhile, another thread is in the context as well."""
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with held:
            inside.set()
            leave.wait()

    other = threading.Thread(target=stay)
    other.start()
    inside.wait()
    yield
    leave.set()
    other.join()


def test_the_last_to_go_undoes_the_change(setting):
    state, held = setting
    with ExitStack() as others:
        with held:
            others.enter_context(held_elsewhere(held))
            with held:
                pass
            assert state["is"] == "changed"
        assert state["is"] == "changed"
    assert state["is"] == "as it was"


def in_fork(question):
    """Return what `question` returns in a forked process, or "hangs"."""
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=lambda: writer.send(question()))
    child.start()
    answer = reader.recv() if reader.poll(20) else "hangs"
    child.kill()
    child.join()
    return answer


@forks
def test_a_forked_process_holds_for_its_own_thread_alone(setting):
    state, held = setting
    with held_elsewhere(held):
        assert in_fork(lambda: state["is"]) == "as it was"
        with held:
            assert in_fork(lambda: state["is"]) == "changed"


@forks
def test_a_fork_while_another_thread_predicts():
    """The lock that the other thread has is open in the child, where it is not."""
    X = np.random.default_rng(0).normal(size=(12, 6, 6, 1))
    model = Skylark_CNN(epochs=1, random_state=0).fit(X, np.arange(12) % 3)
    expected = model.predict_proba(X)
    assert isinstance(model.net_.lock, ForkSafeLock)
    with model.net_.lock:
        found = in_fork(lambda: model.predict_proba(X))
    np.testing.assert_array_equal(found, expected)


def blas_threads():
    return [library["num_threads"] for library in threads.blas.info()]


def test_calls_that_overlap_leave_blas_as_it_was():
    """The one that came first goes first, and its thread lives on."""
    inside, leave, gone, end = (threading.Event() for _ in range(4))

    class First:
        def work(self, array):
            inside.set()
            leave.wait()
            return blas_threads()

    class Second:
        def work(self, array):
            leave.set()
            gone.wait()
            return blas_threads()

    def call(worker):
        found.append(threads.Threads([worker]).call("work", [None]))

    def in_thread():
        call(First())
        gone.set()
        end.wait()

    found = []
    with threads.blas.limit(limits=2):
        before = blas_threads()
        first = threading.Thread(target=in_thread)
        first.start()
        inside.wait()
        call(Second())
        assert blas_threads() == before
    end.set()
    first.join()
    assert found == [[[1] * len(before)]] * 2


def test_fits_at_the_same_time_leave_blas_as_it_was():
    """And the same seed gives the same bits, beside other fits and after them."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 20, 20, 3)), rng.integers(3, size=120)

    def fit(seed):
        return Skylark_CNN(epochs=2, random_state=seed).fit(X, y).get_weights()

    with threads.blas.limit(limits=2):
        before, alone = blas_threads(), fit(0)
        with threads.one_thread:
            assert threads.count() == 2
        together = Parallel(4, "threading")(delayed(fit)(k % 2) for k in range(8))
        cross_val_score(Skylark_CNN(epochs=1), X, y, cv=2, n_jobs=2)
        assert blas_threads() == before
        for weights in (*together[::2], fit(0)):
            for name, weight in weights.items():
                np.testing.assert_array_equal(weight, alone[name], name)


def test_a_thread_that_cannot_start(monkeypatch):
    """The work is done by those there are; the next call is not kept waiting."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    crew, work = threads.Crew(), [lambda: 1, lambda: 2, lambda: 3]
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert crew.run(work) == [1, 2, 3]
        assert crew.threads == 0
    assert crew.run(work) == [1, 2, 3]
    assert crew.threads == 2


@pytest.mark.parametrize(
    ("blas", "cores", "share", "expected"),
    [(64, 64, 1, 1), (4, 64, 1, 4), (1, 2, 2, 1)],
    ids=["a container", "told to take four", "told to take one"],
)
def test_a_share_of_a_core_is_one_thread(monkeypatch, blas, cores, share, expected):
    """BLAS takes one thread a core that it sees, if nobody tells it a number."""
    monkeypatch.setattr(threads, "_allowed", lambda: blas)
    monkeypatch.setattr(threads, "_cores_seen", lambda: cores)
    monkeypatch.setattr(threads, "cpu_count", lambda: share)
    assert threads.count() == expected
