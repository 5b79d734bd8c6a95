"""The proof of sameness for a whole run: a process for each class, one verdict."""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from comparison.contestants import Contestant, find
from comparison.processes import environment, process
from comparison.sameness.evidence import (
    BATCHES,
    DTYPE,
    EPOCHS,
    LIMITS,
    deviations,
    limits,
    verdict,
)
from models import Skylark_CNN


def prove(
    contestants: Sequence[Contestant],
    folder: Path,
    network: Mapping[str, Any],
    threads: int,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Return the proof for some contestants: what results.json keeps as `sameness`.

    Parameters
    ----------
    contestants : sequence of Contestant
    folder : Path
        Of the data set.
    network : mapping
        The network's parameters.
    threads : int
        For every process.
    timeout : float or None
        Seconds for each.

    Returns
    -------
    dict
        `passed`, `dtype`, `steps`, `limits`, the largest deviation of each kind, and
        under `models` the same for each, with its own `dtype` and `limits`. A class
        that could not be run has `error`; one whose framework is not installed has
        `passed` None. The largest deviations are of those proved in `dtype`.
    """
    with tempfile.TemporaryDirectory() as scratch:

        def evidence(number: int, contestant: Contestant) -> tuple[Path, Any]:
            file = Path(scratch, f"{number}.npz")
            spec = {
                "folder": str(folder),
                "network": dict(network) | contestant.parameters,
                "dtype": contestant.dtype,
                "file": str(file),
            }
            return file, process.run(
                "comparison.sameness.evidence",
                spec | contestant.spec(),
                threads=threads,
                on_event=lambda event: None,
                timeout=timeout,
                environment=contestant.environment,
            )

        with ThreadPoolExecutor(environment.cores()) as pool:
            every = [_reference(), *contestants]
            futures = [pool.submit(evidence, *pair) for pair in enumerate(every)]
            try:
                (reference, ending), *others = [future.result() for future in futures]
            except BaseException:  # Ctrl-C comes to this thread, not to the pool's
                pool.shutdown(wait=False, cancel_futures=True)
                process.stop_all()
                raise
        if ending.status != "ok":
            raise RuntimeError(f"the reference could not be run: {ending.error}")
        verdicts = {
            contestant.name: _judge(*found, reference, contestant.dtype)
            for contestant, found in zip(contestants, others, strict=True)
        }
    measured = [
        v for v in verdicts.values() if "error" not in v and v["dtype"] == DTYPE
    ]
    return {
        "passed": all(v["passed"] is not False for v in verdicts.values()),
        "dtype": DTYPE,
        "steps": BATCHES * EPOCHS,
        "limits": LIMITS,
        **{name: max((v[name] for v in measured), default=None) for name in LIMITS},
        "models": verdicts,
    }


def explain(judged: Mapping[str, Any]) -> str:
    """Return in what a class is not the reference's network."""
    if "error" in judged:
        return judged["error"]
    return ", ".join(
        f"{name} {judged[name]:.0e} (limit {bound:.0e})"
        for name, bound in judged["limits"].items()
        if not judged[name] <= bound
    )


def _reference() -> Contestant:
    """Return what all are compared with: Skylark_CNN, the readable layers."""
    has_engines = "engine" in Skylark_CNN().get_params()
    return find("skylark:plain") if has_engines else find("skylark")


def _judge(
    file: Path, ending: process.Ending, reference: Path, dtype: str
) -> dict[str, Any]:
    """Return one model's deviations and whether they are within the limits."""
    about = {"dtype": dtype, "limits": limits(dtype)}
    if ending.status != "ok":
        missing = ending.status == "skipped"
        return about | {"passed": None if missing else False, "error": ending.error}
    try:
        with np.load(file) as found, np.load(reference) as expected:
            worst = deviations(dict(found), dict(expected))
    except ValueError as error:
        return about | {"passed": False, "error": str(error)}
    return about | worst | {"passed": verdict(worst, dtype)}
