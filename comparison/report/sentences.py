"""What has to be said with the tables: conditions, the proof, and what went wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

from comparison.sameness.proof import explain
from comparison.statistics.significance import MIN_ROUNDS


def conditions(found: Mapping[str, Any]) -> str:
    """Return the conditions under which the numbers hold, in a few sentences."""
    data, settings = found["dataset"], found["settings"]
    env = found["environment"]
    packages = [f"{name} {v}" for name, v in env["packages"].items() if v]
    gpu = f"GPU {env['gpu']}, " if env["gpu"] else ""
    shape = "x".join(map(str, data["image_shape"]))
    return (
        f"{data['name']} ({data['train']:,} images {shape} for training, "
        f"{data['test']:,} for testing); filters {_list(settings['filters'])}, hidden "
        f"units {_list(settings['hidden_units'])}, {settings['epochs']} epochs, batch "
        f"{settings['batch_size']}, learning rate {settings['learning_rate']:g}, "
        f"momentum {settings['momentum']:g}, {settings['init']} initial weights. "
        f"{statistics(settings['seeds'])} {env['cpu']}, "
        f"{gpu}threads: {env['threads']}, device {settings['device']}, "
        f"Python {env['python']}, {', '.join(packages)}. {clock(settings['epochs'])} "
        "lines: of the class; + own: with the code that only it uses."
    )


def count(code: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return which code is counted with each class, and the definition of the count."""
    own = "; ".join(
        f"{titles[model]} with {', '.join(_places(counts['private_files']))}"
        for model, counts in code["classes"].items()
        if counts["private_files"]
    )
    return (
        f"By method: lines. + own: lines with the code that only the class uses "
        f"({own or 'none has any'}). "
        f"Definition {code['version']}: {code['definition']}."
    )


def _places(files: list[str]) -> list[str]:
    """Return the files, or the folder of those in a folder of their own."""
    deep = {file: file.rpartition("/")[0] for file in files if file.count("/") > 1}
    return sorted({f"{deep[file]}/" if file in deep else file for file in files})


def statistics(seeds: int) -> str:
    """Return what stands beside a median, and when a difference is claimed."""
    if seeds >= MIN_ROUNDS:
        return (
            f"{seeds} seeds, models in turns: median [bootstrap 95 % interval]; "
            "ratios to the reference within each seed, bold where the interval "
            "excludes 1 and a sign-flip test over all models has p <= 0.05."
        )
    plural = "s" if seeds > 1 else ""
    return (
        f"{seeds} seed{plural}, models in turns: median (smallest to largest); ratios "
        f"to the reference within each seed. No difference can be shown with fewer "
        f"than {MIN_ROUNDS} seeds: {MIN_ROUNDS - 1} agree by chance in 1 of "
        f"{2 ** (MIN_ROUNDS - 2)} runs."
    )


def clock(epochs: int) -> str:
    """Return what the training speed leaves out."""
    if epochs == 1:
        return "train img/s: the only epoch, compilation included."
    return "train img/s: all epochs but the first."


def training(found: Mapping[str, Any]) -> str:
    """Return each model's accuracy on the training images, after training."""
    rows = found["summary"].items()
    finished = {m: row["train_accuracy"]["median"] for m, row in rows if row["trials"]}
    return ", ".join(f"{model} {value:.2%}" for model, value in finished.items())


def proof(found: Mapping[str, Any]) -> tuple[bool, str]:
    """Return whether the models are one network, and the sentence that says so."""
    same = found["sameness"]
    if same is None:
        return False, "not proved to be one network: the run was stopped before that."
    allowed = {n for n, c in found["contestants"].items() if c["different"]}
    reasons = [
        f"{model}: {explain(verdict)}"
        for model, verdict in same["models"].items()
        if verdict["passed"] is False
    ]
    failed = {m for m, v in same["models"].items() if v["passed"] is False}
    if same["passed"]:
        return True, f"proved to be one network, {_deviations(same)}"
    if failed == allowed:
        return False, f"DIFFERENT NETWORKS, as allowed: {'; '.join(reasons)}"
    return False, f"NOT ONE NETWORK, so not a comparison: {'; '.join(reasons)}"


def problems(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each failure, and each number of threads that is wrong."""
    for model, row in found["summary"].items():
        if row["error"]:
            yield f"{model}: {row['error']}"
    asked = found["settings"]["threads"]
    for model in found["summary"]:
        wrong = {
            f"{library} uses {number}"
            for trial in found["trials"]
            if trial["model"] == model and trial["status"] == "ok"
            for library, number in trial["threads"].items()
            if number != asked
        }
        if wrong:
            reports = ", ".join(sorted(wrong))
            yield f"{model}: THREADS DIFFER from the {asked} asked for: {reports}"
    if found["note"]:
        yield found["note"]


def _deviations(same: Mapping[str, Any]) -> str:
    """Return how near the models are, in each arithmetic."""
    parts = []
    for dtype in sorted({v["dtype"] for v in same["models"].values()}, reverse=True):
        measured = [
            v
            for v in same["models"].values()
            if v["dtype"] == dtype and "error" not in v
        ]
        if measured:
            outputs, gradients, losses = (
                f"{max(v[name] for v in measured):.0e}"
                for name in ("outputs_max_rel", "gradient_max_rel", "loss_max_rel")
            )
            parts.append(
                f"in {dtype}: outputs within {outputs}, gradients within {gradients}, "
                f"losses of {same['steps']} steps within {losses}"
            )
    return "; ".join(parts) or "as far as any of them could be run"


def _list(sizes: list[int]) -> str:
    return ", ".join(map(str, sizes)) or "none"
