"""Where rounds run: `--executor` names anything that is a concurrent.futures.Executor.

Queues, retries and what becomes of a lost machine are the engine's own business.
"""

import asyncio
import importlib
import logging
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

LOCAL = "local"
HOW = "local, dask:ADDRESS, dask:, slurm:OPTIONS or module:function"
ANSWER = 5  # seconds in which a scheduler must answer
JOBS = "jobs"  # below a run's folder
MOST_JOBS = 1000  # that are waited for at the same time


class NoExecutor(ValueError):  # noqa: N818, it is what is wrong
    """There is none of that name, or it cannot be reached."""


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Executor | None]:
    """Give the executor of a name; None for `local`: this process runs the rounds.

    Parameters
    ----------
    name : str
        "local", "dask:ADDRESS", "dask:", "slurm:KEY=VALUE,...", "module:function".
    folder : Path
        Of the run; submitit keeps its scripts and logs in there.

    Raises
    ------
    NoExecutor
        A package is missing, nothing answers, or there is no such function.
    """
    kind, colon, rest = name.partition(":")
    if name == LOCAL:
        yield None
        return
    if not colon:
        raise NoExecutor(f"--executor {name} is not {HOW}.")
    opening = {"dask": _dask, "slurm": _slurm}.get(kind, _own(kind))
    with ExitStack() as stack:
        try:
            executor = stack.enter_context(opening(rest, folder))
        except ModuleNotFoundError as missing:
            if missing.name not in ("distributed", "dask", "submitit"):
                raise NoExecutor(f"--executor {name}: {missing}") from None
            raise NoExecutor(
                f"--executor {kind} needs the package {missing.name}: "
                "pip install -r requirements-cluster.txt"
            ) from None
        yield executor


@contextmanager
def _dask(address: str, folder: Path) -> Iterator[Executor]:
    """Connect to a scheduler, or start one with a worker on this machine."""
    from distributed import Client, LocalCluster

    for logger in list(logging.root.manager.loggerDict):
        if logger.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)  # results say it
    if not address:
        with (
            LocalCluster(
                n_workers=1, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client.get_executor(pure=False)
        return
    try:
        asyncio.run(_answers(address))  # a Client would try for half a minute
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).split("\n")[0]
        raise NoExecutor(f"no Dask scheduler answers at {address}: {reason}") from None
    try:
        yield client.get_executor(pure=False)
    finally:
        with suppress(OSError):  # it takes longer where the scheduler is lost
            client.close(timeout=2)


async def _answers(address: str) -> None:
    """Raise OSError or ValueError unless somebody listens at an address."""
    from distributed.comm import connect

    comm = await connect(address, timeout=ANSWER)
    await comm.close()


@contextmanager
def _slurm(options: str, folder: Path) -> Iterator[Executor]:
    """Hand each round to Slurm as a job of its own, or with cluster=local to processes.

    The options are submitit's: `slurm_partition=long,timeout_min=60,cpus_per_task=8`.
    """
    import submitit

    given = dict(_option(text) for text in options.split(",") if text)
    cluster = given.pop("cluster", None)
    if cluster is None and shutil.which("srun") is None:
        raise NoExecutor(
            "--executor slurm: there is no Slurm here (no srun); cluster=local runs "
            "the jobs as processes on this machine."
        )
    try:
        jobs = submitit.AutoExecutor(folder / JOBS, cluster=cluster)
        jobs.update_parameters(name="skylark", **{"timeout_min": 60 * 24} | given)
    except (NameError, RuntimeError, TypeError, ValueError, AssertionError) as error:
        with suppress(OSError):
            (folder / JOBS).rmdir()
        reason = str(error).split("\n")[0]
        raise NoExecutor(f"--executor slurm:{options}: {reason}") from None
    executor = _Jobs(jobs)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise NoExecutor(f"--executor slurm: {text} is not KEY=VALUE.")
    return key, int(value) if value.isdecimal() else value


class _Jobs(Executor):
    """Jobs of submitit as futures; a thread waits for each."""

    def __init__(self, jobs: Any) -> None:
        self.jobs = jobs
        self.waiting = ThreadPoolExecutor(MOST_JOBS)
        self.submitted: list[Any] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        job = self.jobs.submit(fn, *args, **kwargs)
        self.submitted.append(job)
        return self.waiting.submit(job.result)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            for job in self.submitted:
                if not job.done():
                    job.cancel(check=False)
        self.waiting.shutdown(wait, cancel_futures=cancel_futures)


def _own(module: str) -> Callable[[str, Path], Any]:
    """Return what opens the executor that a user's own function makes."""

    @contextmanager
    def opening(function: str, folder: Path) -> Iterator[Executor]:
        name = f"{module}:{function}"
        try:
            make = getattr(importlib.import_module(module), function)
        except ModuleNotFoundError as missing:
            if missing.name != module.partition(".")[0]:
                raise NoExecutor(f"--executor {name}: {missing}.") from None
            raise NoExecutor(f"--executor {name} is not {HOW}.") from None
        except AttributeError:
            raise NoExecutor(
                f"--executor {name}: {module} has no {function}."
            ) from None
        executor = make()
        if not hasattr(executor, "submit"):
            raise NoExecutor(f"--executor {name} returns no Executor: no submit().")
        try:
            yield executor
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    return opening
