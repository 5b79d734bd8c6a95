"""What has to be said with the tables: conditions, the proof, and what went wrong."""

from collections.abc import Iterator, Mapping

from comparison import network, records
from comparison.explanation import CLASSES, IMAGE_SHAPE
from comparison.report.tables import MARK, kinds
from comparison.settings import RECIPE, Settings, in_words
from comparison.statistics.significance import MIN_ROUNDS
from data.text import counted, printable
from models import Skylark_CNN

LONGEST = 5000  # characters of a sentence, whatever is in it


def conditions(run: records.Run) -> dict[str, str]:
    """Return the conditions under which the numbers hold, by what they are about."""
    data, settings, env = run["dataset"], run["settings"], run["environment"]
    packages = [f"{name} {v}" for name, v in env["packages"].items() if v]
    gpu = f"GPU {env['gpu']}, " if env["gpu"] else ""
    shape = "x".join(map(str, data["image_shape"]))
    drawn = f" ({data['drawn']})" if "drawn" in data else ""
    said = {
        "images": f"{data['name']}: {counted(data['train'], 'image')} {shape} for "
        f"training, {data['test']:,} for testing{drawn}",
        "network": network.in_words(run["network"]),
        "training": in_words(settings, "training"),
        "recipe": in_words(settings, RECIPE),
        "rounds": statistics(settings["seeds"]),
        "ratios": claim(run),
        "columns": columns(settings),
        "training acc.": training(run),
        "machine": f"{_machines(run)}, {gpu}{in_words(settings, 'run')}{_kernel(run)}",
        "packages": f"Python {env['python']}, {', '.join(packages)}",
    }
    if engines := _engines(run):
        said["engines"] = engines
    return {label: printable(text, LONGEST) for label, text in said.items() if text}


def _machines(run: records.Run) -> str:
    """Return on which processors the rounds were run, and on whose machines."""
    found = [f"{cpu} ({', '.join(sorted(h))})" for cpu, h in kinds(run).items()]
    return " and ".join(found) or run["environment"]["cpu"]


def _kernel(run: records.Run) -> str:
    """Return which of OpenBLAS's kernels NumPy computed with."""
    found = {trial.get("blas_kernel") for trial in run["trials"]} - {None}
    return f", OpenBLAS kernel {', '.join(sorted(map(str, found)))}" if found else ""


def _engines(run: records.Run) -> str:
    """Return which engine computes a model, where that is not the one asked for."""
    sentences = []
    for contestant in run["contestants"].values():
        if engine := contestant.get("engine"):
            asked = contestant["parameters"].get("engine", Skylark_CNN().engine)
            if engine != asked:
                how = f"by engine {engine}"
                if engine == "shared":
                    how = _shared(contestant.get("ways", {}))
                sentences.append(
                    f"{contestant['title']} is computed {how}, for {asked} does not "
                    "have all its layers"
                )
    return "; ".join(sentences)


def _shared(ways: Mapping[str, int]) -> str:
    """Return how the layers of a network are computed in shares of the batch."""
    found = ", ".join(f"{number} {way}" for way, number in ways.items())
    return (
        "layer by layer, each core with a share of the batch"
        f"{f' (of its layers, {found})' if found else ''}, and predicts with norms in "
        "the kernels before them, as no other class does"
    )


def count(code: records.Code, titles: Mapping[str, str]) -> str:
    """Return which code is counted with each class, and the definition of the count."""
    own = "; ".join(
        f"{titles[model]} with {', '.join(_places(counts['private_files']))}"
        for model, counts in code["classes"].items()
        if counts["private_files"]
    )
    return (
        f"network, training, own, together and by method: lines; lines, statements, "
        f"tokens and bytes: of network and training. own: code that only the class "
        f"uses ({own or 'none has any'}). "
        f"Definition {code['version']}: {code['definition']}."
    )


def layers(described: records.Network) -> str:
    """Return which network its layers were listed of, and how they were counted."""
    size = " x ".join(map(str, IMAGE_SHAPE))
    return (
        f"{network.in_words(described)}; one image of {size}, {CLASSES} classes. "
        "Parameters: the trained ones. Multiply-adds: of convolutions and dense layers."
    )


def _places(files: list[str]) -> list[str]:
    """Return the files, or the folder of those in a folder of their own."""
    deep = {file: file.rpartition("/")[0] for file in files if file.count("/") > 1}
    return sorted({f"{deep[file]}/" if file in deep else file for file in files})


def statistics(seeds: int) -> str:
    """Return how the rounds are made."""
    return (
        f"{counted(seeds, 'seed')}, each model in turn and each place in turn; medians"
    )


def claim(run: records.Run) -> str:
    """Return what a ratio is, and when it is marked."""
    seeds, reference = run["settings"]["seeds"], run["settings"]["reference"]
    base = run["contestants"][reference]["title"]
    if seeds < MIN_ROUNDS:
        return (
            f"speeds relative to {base}, within rounds; below {MIN_ROUNDS} seeds no "
            "difference can be shown"
        )
    return (
        f"speeds relative to {base}, within rounds; {MARK} differs from 1 beyond "
        "chance: 95 % intervals of all ratios together, Student's t on logarithms"
    )


def clock(epochs: int) -> str:
    """Return what the training speed leaves out."""
    if epochs == 1:
        return "train img/s: the only epoch, compilation included"
    return "train img/s: all epochs but the first"


def columns(settings: Settings) -> str:
    """Return what the columns of the tables are."""
    views = "test acc. is of predictions averaged over views, plain acc. is without; "
    return (
        f"{views if settings['test_augment'] else ''}{clock(settings['epochs'])}; "
        "lines: of the class; + own: with the code that only it uses"
    )


def training(run: records.Run) -> str:
    """Return each model's accuracy on the training images, after training."""
    rows = run["summary"].items()
    finished = {m: row["train_accuracy"]["median"] for m, row in rows if row["trials"]}
    return ", ".join(f"{model} {value:.2%}" for model, value in finished.items())


def proof(run: records.Run) -> tuple[bool, str]:
    """Return whether the models are one network, and the sentence that says so."""
    passed, sentence = _proof(run)
    return passed, printable(sentence, LONGEST)


def _proof(run: records.Run) -> tuple[bool, str]:
    proved = run["sameness"]
    if proved is None:
        return False, "not proved to be one network: the run was stopped before that."
    if proved["passed"]:
        return True, f"proved to be one network, {_deviations(proved)}"
    failed = {m: v for m, v in proved["models"].items() if v["passed"] is False}
    reasons = "; ".join(f"{m}: {_deviates(verdict)}" for m, verdict in failed.items())
    allowed = {n for n, c in run["contestants"].items() if c["different"]}
    if failed.keys() == allowed:
        return False, f"DIFFERENT NETWORKS, as allowed: {reasons}"
    return False, f"NOT ONE NETWORK, so not a comparison: {reasons}"


def problems(run: records.Run) -> Iterator[str]:
    """Yield a sentence for each failure, and each number of threads that is wrong."""
    for model, row in run["summary"].items():
        if row["error"]:
            yield printable(f"{model}: {row['error']}", LONGEST)
    asked = run["settings"]["threads"]
    for model in run["summary"]:
        wrong = {
            f"{library} uses {number}"
            for trial in run["trials"]
            if trial["model"] == model and trial["status"] == "ok"
            for library, number in trial["threads"].items()
            if number != asked
        }
        if wrong:
            reports = ", ".join(sorted(wrong))
            yield printable(
                f"{model}: THREADS DIFFER from the {asked} asked for: {reports}"
            )
    if run["note"]:
        yield printable(run["note"], LONGEST)


def _deviates(verdict: records.Verdict) -> str:
    """Return why a class is not the network of the proof."""
    if "error" in verdict:
        return str(verdict["error"])
    return ", ".join(
        f"{name} {verdict[name]:.0e} (limit {bound:.0e})"
        for name, bound in verdict["limits"].items()
        if not verdict[name] <= bound
    )


def _deviations(proved: records.Proof) -> str:
    """Return how near the models are, in each arithmetic."""
    verdicts = proved["models"].values()
    parts = []
    for dtype in sorted({verdict["dtype"] for verdict in verdicts}, reverse=True):
        near = [v for v in verdicts if v["dtype"] == dtype and "error" not in v]
        if near:
            outputs = max(_outputs(verdict) for verdict in near)
            gradients = max(verdict["gradient_max_rel"] for verdict in near)
            losses = max(verdict["loss_max_rel"] for verdict in near)
            parts.append(
                f"in {dtype}: outputs within {outputs:.0e}, gradients within "
                f"{gradients:.0e}, losses of {proved['steps']} steps within "
                f"{losses:.0e}"
            )
    return "; ".join(parts) or "as far as any of them could be run"


def _outputs(verdict: records.Verdict) -> float:
    """Return how near a class's outputs are; in schema 1 only the logits', absolute."""
    schema_2 = "outputs_max_rel" in verdict
    return verdict["outputs_max_rel"] if schema_2 else verdict["logits_max_abs"]
