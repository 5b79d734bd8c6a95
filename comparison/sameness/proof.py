"""The proof of sameness for a whole run: a process for each class, one verdict.

The standard, which all are compared with, is gathered in the run's own process.
"""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from comparison import records
from comparison.contestants import Contestant, find
from comparison.network import classes_of, narrowed
from comparison.processes import process
from comparison.processes.resources import cores
from comparison.sameness.evidence import (
    BATCHES,
    DTYPE,
    EPOCHS,
    LIMITS,
    Evidence,
    EvidenceSpec,
    deviations,
    gather_for_run,
    limits,
    within_limits,
)

NO_RECIPE: Mapping[str, Any] = MappingProxyType({})


class Gathered(NamedTuple):
    """One class's evidence: its files, how its last process ended, the most memory."""

    files: list[Path]
    ending: process.Ending
    peak_memory_bytes: int


def prove(
    contestants: Sequence[Contestant],
    folder: Path,
    network: records.Network,
    threads: int,
    timeout: float | None = None,
    recipe: Mapping[str, Any] = NO_RECIPE,
) -> records.Proof:
    """Return the proof for some contestants: what results.json keeps as `sameness`.

    Parameters
    ----------
    contestants : sequence of Contestant
    folder : Path
        Of the data set.
    network : records.Network
        The proof takes its topology, as narrow as the family allows.
    threads : int
        For Skylark's engines.
    timeout : float or None
        Seconds for each process of a contestant; the standard has no limit.
    recipe : mapping
        Parameters of the constructors that say how to train, besides the proof's own.

    Returns
    -------
    records.Proof
        A class that could not be run has an error in its verdict.

    Raises
    ------
    RuntimeError
        The standard, which all are compared with, could not be run.
    """
    sizes = narrowed(network)
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(cores()) as pool:

        def spec(contestant: Contestant) -> EvidenceSpec:
            return {
                **contestant.spec(),
                "folder": str(folder),
                "parameters": {**sizes, **recipe, **contestant.parameters},
                "dtype": contestant.dtype,
            }

        def gathered(number: int, contestant: Contestant) -> Gathered:
            files: list[Path] = []
            events: list[process.Event] = []
            further: dict[str, Any] = {}
            while True:
                files.append(Path(scratch, f"{number}-{len(files)}.npz"))
                ending = process.run(
                    "comparison.sameness.evidence",
                    {**spec(contestant), "file": str(files[-1]), **further},
                    # As many processes as cores run at a time: more threads would be
                    # in their way. Skylark's engines compute another way with more.
                    threads=threads if contestant.framework == "numpy" else 1,
                    on_event=events.append,
                    timeout=timeout,
                    environment=contestant.environment,
                )
                said = [event for event in events if event["event"] == "gathered"]
                if ending.status != "ok" or said[-1]["left"] is None:
                    peak = max((e["peak_memory_bytes"] for e in said), default=0)
                    return Gathered(files, ending, peak)
                further = {"rate": said[-1]["left"]}

        futures = [pool.submit(gathered, *pair) for pair in enumerate(contestants)]
        try:
            standard = find("skylark:plain", classes_of(network))
            expected = _standard(spec(standard))
            found = [future.result() for future in futures]
        except BaseException:  # Ctrl-C comes to this thread, not to the pool's
            pool.shutdown(wait=False, cancel_futures=True)
            process.stop_all()
            raise
        verdicts = {
            contestant.name: _judge(evidence, expected, contestant.dtype)
            for contestant, evidence in zip(contestants, found, strict=True)
        }
    measured = [
        v for v in verdicts.values() if "error" not in v and v["dtype"] == DTYPE
    ]
    largest: Any = {
        name: max((verdict[name] for verdict in measured), default=None)
        for name in LIMITS
    }
    return {
        "passed": all(v["passed"] is not False for v in verdicts.values()),
        "dtype": DTYPE,
        "steps": BATCHES * EPOCHS,
        "limits": LIMITS,
        **largest,
        "models": verdicts,
    }


def _standard(spec: EvidenceSpec) -> Evidence:
    """Return what all are compared with, gathered here: NumPy is imported already."""
    try:
        with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
            return gather_for_run(spec)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise RuntimeError(f"the reference could not be run: {reason}") from error


def _judge(found: Gathered, standard: Evidence, dtype: str) -> records.Verdict:
    """Return one model's deviations and whether they are within the limits."""
    verdict: records.Verdict = {
        "passed": False,
        "dtype": dtype,
        "limits": limits(dtype),
    }
    if found.ending.status != "ok":
        passed = None if found.ending.status == "skipped" else False
        return {**verdict, "passed": passed, "error": found.ending.error}
    evidence: Evidence = {}
    try:
        for file in found.files:
            with np.load(file) as arrays:
                evidence |= arrays
        worst = deviations(evidence, standard)
    except ValueError as error:
        return {**verdict, "error": str(error)}
    verdict["peak_memory_bytes"] = found.peak_memory_bytes
    return {**verdict, **worst, "passed": within_limits(worst, dtype)}
