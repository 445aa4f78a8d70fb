"""Train the FILM that ships, preset ``compact-pyramid``, for the four tasks: from pictures to weights with a card.

    python -m fusionbench_film.compact_training --out trained --roadscene RoadScene_train \\
        --test IVF=roadscene@test=RoadScene --test MEF=mefb=MEFB --test MFF=lytro=Lytro --test MIF=harvard=Harvard

For each task: training pairs (IVF: the given ones; else synthesised of the visible training pictures), texts by the
offline chain, training, half-precision weights, evaluation beside classical methods, model card. Weights that lose
against averaging, or fall far below it in one metric, are refused: the file is not written and the script ends with
status 1. What is done is done once; the same command goes on where it was stopped. ``--set`` changes the training,
e.g. ``--set training.epochs=1``.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas
from safetensors import safe_open
from safetensors.torch import save_file

import fusionbench as fb
from fusionbench.configuration.assignments import assignments
from fusionbench.images import file_sha256
from fusionbench.runs import DatasetRequest, MethodRequest
from fusionbench.types import Task
from fusionbench_film.vlf.layout import FEATURES, IMAGES

CONFIG = "compact-pyramid"
# What each task changes of that configuration. Synthesised focus has a truth that the sources show; that of synthesised
# exposures shows what neither source does, and weights that had learnt it were further from both. Where
# gains may sharpen what is in focus, they do so beyond the sources; what is added stays small.
RECIPES: dict[Task, tuple[str, ...]] = {
    Task.IVF: ("training.epochs=48", "optimiser.decay_epochs=12", "training.checkpoint_epochs=12", "data.tones=1.4"),
    Task.MIF: ("network.gain=0.2", "training.epochs=8", "loss.gradient=4"),
    Task.MEF: ("loss.intensity=mean",),
    Task.MFF: (
        "network.additive=true",
        "network.preference=6",
        "training.epochs=8",
        "optimiser.decay_epochs=3",
        "loss.gradient=4",
        "loss.intensity=truth",
        "loss.gradients=truth",
    ),
}
RIVALS = ("average", "maximum", "laplacian")
RESCALE = "clip"  # as film-compact saves
LARGEST = 6_000_000  # bytes
NEEDED = 4  # of the six metrics in which the network must be at least as good as averaging, Qabf among them
WORST = 0.5  # of what averaging has, in any metric: a negative image may win in all others and has almost no VIF


@dataclass(frozen=True)
class Job:
    """One task's training and where its files lie."""

    task: Task
    options: argparse.Namespace

    @property
    def folder(self) -> Path:
        return self.options.out / self.task

    @property
    def weights(self) -> Path:
        return self.folder / f"film-compact-{self.task.lower()}.safetensors"

    def training_pairs(self) -> tuple[Path, list[str]]:
        """The VLF folder with the training pairs and their text, and the settings that read it.

        Synthesised pairs lie in it as they were made, with their ground truth, which ``prepare-vlf`` leaves out.
        """
        if self.task is Task.IVF:
            vlf = self.with_text(f"roadscene@all={self.options.roadscene}", "train")
            return vlf, ["data.source=vlf-ivf@train", f"data.root={vlf}"]
        vlf = self.folder / "vlf-train"
        made = vlf / IMAGES / self.task / "folder"
        if not (made / "settings.json").exists():
            pictures = self.options.pictures or self.options.roadscene / "crop_LR_visible"
            command("data", "make-training-pairs", self.task, "--out", made, "--pictures", pictures, "--count",
                    self.options.count, "--size", self.options.size, "--seed", self.options.seed)  # fmt: skip
        if not (vlf / "done").exists():
            command(
                "text", "describe", "-d", f"folder@all={made}", "--option", f"folder.task={self.task}", "--out", vlf
            )
            command("text", "encode", vlf)
            (vlf / "done").touch()
        return vlf, ["data.source=folder@all", f"data.root={made}", f"data.options.task={self.task}"]

    def with_text(self, source: str, split: str) -> Path:
        """A VLF folder with a data set's pairs, their paragraphs and features."""
        out = self.folder / f"vlf-{split}"
        done = out / "done"
        if done.exists():
            return out
        command("text", "describe", "-d", source, "--out", out)
        command("text", "encode", out)
        (features,) = (out / FEATURES / self.task).iterdir()
        command("data", "prepare-vlf", source, "--features", features, "--folders", "--split", split,
                "--name", features.name, "--out", out)  # fmt: skip
        done.touch()
        return out

    @property
    def changes(self) -> list[str]:
        """What is changed of the configuration."""
        return [*RECIPES[self.task], f"training.seed={self.options.seed}", *self.options.set]

    def train(self, reading: list[str]) -> Path:
        """The trained weights, in float32; goes on from the last checkpoint."""
        out = self.folder / "training"
        command("train", "film", "--config", CONFIG, "--out", out,
                *(part for change in (*reading, *self.changes) for part in ("--set", change)))  # fmt: skip
        return out / "weights.safetensors"

    def evaluate(self, weights: Path, vlf: Path) -> pandas.DataFrame:
        """Mean scores, a row for each method."""
        run = fb.run(
            [MethodRequest(name="film", weights=str(weights), options={"rescale": RESCALE}), *RIVALS],
            f"vlf-{self.task.lower()}@{vlf.name.removeprefix('vlf-')}={vlf}",
            out=str(self.folder / f"evaluation-{file_sha256(weights)[:8]}"),
            limit=self.options.limit,
        )
        frame = run.frame()
        return frame[frame.status == "ok"].pivot_table(index="method", columns="metric", values="value")


def command(*arguments: object) -> None:
    """Run one ``fusionbench`` command and say which."""
    words = [str(argument) for argument in arguments]
    print("$ fusionbench", shlex.join(words), flush=True)
    if subprocess.run([sys.executable, "-m", "fusionbench", *words], check=False).returncode:
        raise SystemExit(f"fusionbench {words[0]} failed; the same command goes on from here.")


def keep_apart(train: Path, test: Path) -> None:
    """Stop where an image is in both VLF folders."""
    tested = {file_sha256(path): path.name for path in (test / IMAGES).rglob("*.png")}
    for path in sorted((train / IMAGES).rglob("*.png")):
        if (same := tested.get(file_sha256(path))) is not None:
            raise SystemExit(f"{path}: is also a test image ({same}); train on other pairs.")


def halve(weights: Path, target: Path) -> None:
    """Write weights in half precision, with the dimensions that are stored beside them."""
    with safe_open(weights, framework="pt") as file:
        state = {name: file.get_tensor(name).half() for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    if not all(value.isfinite().all() for value in state.values()):
        raise SystemExit(f"{weights}: values beyond the range of half precision.")
    save_file(state, target, metadata=metadata)
    if target.stat().st_size > LARGEST:
        raise SystemExit(f"{target}: {target.stat().st_size} bytes, more than {LARGEST}.")


def wins(scores: pandas.DataFrame) -> list[str]:
    """The metrics, all of them better when higher, in which the network is at least as good as averaging."""
    rows = scores.T
    return [str(metric) for metric in rows.index[rows["film"] >= rows["average"]]]


def refusal(scores: pandas.DataFrame) -> str:
    """Why weights with these scores are not kept; empty if they are."""
    better, rows = wins(scores), scores.T
    far = [str(metric) for metric in rows.index[rows["film"] < WORST * rows["average"]]]
    if len(better) >= NEEDED and "Qabf" in better and not far:
        return ""
    below = f", far below it in {', '.join(far)}" if far else ""
    return f"at least as good as averaging in {', '.join(better) or 'nothing'}{below}"


def card(job: Job, weights: Path, scores: pandas.DataFrame, test: str, pairs: int) -> str:
    """The model card, in Markdown."""
    losses = (job.folder / "training" / "losses.csv").read_text(encoding="utf-8").splitlines()
    header = "| method | " + " | ".join(scores.columns) + " |\n" + "| --- " * (len(scores.columns) + 1) + "|\n"
    rows = "".join(
        f"| {name} | " + " | ".join(f"{value:.3f}" for value in row) + " |\n"
        for name, row in zip(scores.index, scores.to_numpy(), strict=True)
    )
    tested = DatasetRequest.parse(test).key + (f", first {job.options.limit}" if job.options.limit else "")
    made = (
        "RoadScene pairs, none among the test images (no licence stated by its authors, who ask for citation; "
        "the pictures stem from FLIR's ADAS material)"
        if job.task is Task.IVF
        else "pairs synthesised by `fusionbench data make-training-pairs` of the training pictures; "
        "what they show is simulated, not measured"
    )
    return f"""# FILM-compact, {job.task}

- Network: preset `{CONFIG}`, half precision, SHA-256 `{file_sha256(weights)}`.
- Training data: {pairs} {made}.
- Text: offline chain (`--describe statistics`), encoder `minilm`, 384 wide. Other text has not been tried.
- Changes to the configuration `{CONFIG}`: {", ".join(job.changes)}.
  Last line of losses.csv: `{losses[-1]}`.
- Tested on {tested}; at least as good as averaging in {", ".join(wins(scores))}.

{header}{rows}
What differs from the paper's FILM: features are made of blocks of 4x4 pixels, and the decoder blends the sources'
Laplacian pyramids (decisions and small changes for each level, of the guided features) instead of making pixels; the
losses keep the sign of gradients. Stages, text, cross-attention and its guidance are the paper's, with smaller
dimensions.

Limits: a small network, trained on few pairs of one kind. It is no stand-in for the authors' weights, and its scores
are not those of the paper. How much text changes is measured in docs/film.md.
"""


def ship(job: Job, tests: dict[str, str]) -> bool:
    """Everything for one task; False if the weights are refused."""
    train_vlf, reading = job.training_pairs()
    test = tests[job.task]
    test_vlf = job.with_text(test, "test")
    keep_apart(train_vlf, test_vlf)
    trained = job.train(reading)
    candidate = job.folder / "candidate.safetensors"
    halve(trained, candidate)
    scores = job.evaluate(candidate, test_vlf)
    print(scores.round(3).to_string())
    (job.folder / "scores.json").write_text(scores.to_json(indent=1), encoding="utf-8")
    if reason := refusal(scores):
        print(f"{job.task}: refused: {reason}.")
        return False
    pairs = len(list((train_vlf / FEATURES / job.task).rglob("*.npy")))
    text = card(job, candidate, scores, test, pairs)
    (job.folder / "model_card.md").write_text(text, encoding="utf-8")
    candidate.replace(job.weights)
    print(f"{job.task}: {job.weights}, {job.weights.stat().st_size} bytes")
    return True


def main() -> None:
    """Train, judge and ship each task that has a test set."""
    parser = argparse.ArgumentParser(
        prog="python -m fusionbench_film.compact_training", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--roadscene", type=Path, required=True, help="RoadScene training pairs, never test pairs")
    parser.add_argument("--pictures", type=Path, help="pictures for MEF, MFF, MIF; default: RoadScene's visible ones")
    parser.add_argument("--test", action="append", required=True, metavar="TASK=NAME[@SPLIT]=ROOT")
    parser.add_argument("--count", type=int, default=400, help="synthesised pairs of each task")
    parser.add_argument("--size", type=int, default=128, help="their rows and columns")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="test only on the first so many samples")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    try:
        tests = assignments(options.test, "--test", form="TASK=NAME[@SPLIT]=ROOT")
    except fb.FusionBenchError as error:
        parser.error(str(error))
    unknown = set(tests) - {str(task) for task in Task}
    if unknown:
        parser.error(f"--test: unknown task {', '.join(sorted(unknown))}")
    shipped = [ship(Job(Task(name), options), tests) for name in tests]
    print(json.dumps(dict(zip(tests, shipped, strict=True))))
    raise SystemExit(0 if all(shipped) else 1)


if __name__ == "__main__":
    main()
