"""What FILM registers: the method, the paper's ablations, the VLF data sets, a command. Plain data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from fusionbench.hookspecs import hookimpl
from fusionbench.types import Citation, CommandSpec, DatasetSpec, MethodSpec, Option, Task, TextFeaturesSpec, WeightSpec

PAPER = Citation(
    title="Image Fusion via Vision-Language Model",
    authors="Zixiang Zhao and Lilun Deng and Haowen Bai and Yukun Cui and Zhipeng Zhang and Yulun Zhang and "
    "Haotong Qin and Dongdong Chen and Jiangshe Zhang and Peng Wang and Luc Van Gool",
    venue="ICML",
    year=2024,
    arxiv="2402.02235",
)
PAGE = "https://github.com/Zhaozixiang1228/IF-FILM"
CONFIGS = Path(__file__).parent / "configs"


def _dimension(help_text: str, kind: type = int) -> Option:
    return Option(default=None, type=kind, help=f"{help_text} the preset's if not given.")


_OPTIONS = {
    "preset": Option(
        default="auto",
        choices=("auto", "released", "paper", "compact", "compact-pyramid"),
        help="Dimensions; auto: as stored with the weights, else the released ones.",
    ),
    "rescale": Option(
        default="official",
        choices=("official", "clip", "none"),
        help="official: min-max stretch and truncation to 8 bits; clip: truncation only; none: the output itself.",
    ),
    "form": Option(
        default="auto",
        choices=("auto", "streamed", "plain"),
        help="How it is computed, with the same result; auto: streamed on CPUs.",
    ),
    "dim": _dimension("Channels of each source's features;"),
    "heads": _dimension("Heads of the channel attention;"),
    "expansion": _dimension("Expansion of the feed-forwards;", float),
    "stages": _dimension("Text-guided stages, M;"),
    "decoder_blocks": _dimension("Decoder blocks, N;"),
    "encoder_blocks": _dimension("Restormer blocks per source and stage;"),
    "shrink": _dimension("Side of the blocks of pixels that features are made of;"),
    "levels": _dimension("Levels of the pyramids that are blended, 0: the decoder makes the pixels;"),
    "gain": _dimension("Largest change of a blended band-pass value, of itself;", float),
    "additive": _dimension("Whether that change is added instead, up to a tenth of the range;", bool),
}
_TEXT_OPTIONS = {
    "text": Option(
        default="required",
        choices=("required", "offline", "prompt", "none"),
        help="required: features of every sample; offline: made of the images while fusing; prompt: those of one "
        "prompt for all images, in the file prompt=FILE.npy; none: without guidance.",
    ),
    "prompt": Option(default=None, type=Path, help="A .npy with the features of one prompt, for text=prompt."),
    "text_dim": _dimension("Width of the text features;"),
    "hidden_dim": _dimension("Width of the cross-attention;"),
    "cross_heads": _dimension("Heads of the cross-attention;"),
    "token_dim": _dimension("Channels of the image tokens;"),
}
_FEATURES = Option(default="", help="Variant of the text features that a vlf data set offers; its own if empty.")

FILM = MethodSpec(
    name="film",
    title="FILM",
    tasks=(Task.IVF, Task.MIF, Task.MEF, Task.MFF),
    factory="fusionbench_film.method:FilmMethod",
    fingerprint="fusionbench_film.method:text_digests",
    requirements="fusionbench_film.requirements:check",
    text="optional",
    options={**_OPTIONS, **_TEXT_OPTIONS, "features": _FEATURES},
    weights=tuple(
        WeightSpec(
            name=str(task),
            filename=f"{task}.pth",
            tasks=(task,),
            page=f"{PAGE}/tree/main/models",
            official=(f"{task}.pth",),
            how=f"Download {task}.pth from {PAGE}/tree/main/models, then: fusionbench weights add film FILE   "
            "(stores {target}); or give the file itself: weights=PATH. "
            "Without it: -m film-compact, a small FILM whose weights ship with the suite.",
        )
        for task in (Task.IVF, Task.MIF, Task.MEF, Task.MFF)
    ),
    paper=PAPER,
    page=PAGE,
    licence="not stated",
    training_data=("msrs", "sice", "realmff", "harvard"),
    trainer="fusionbench_film.training:recipe",
    summary="Fuses under the guidance of text about both images.",
    training_configs={path.stem: path for path in sorted(CONFIGS.glob("*.yaml"))},
    meta={
        "notes": "The published MIF.pth is the same file as IVF.pth: there is no separate medical model.",
    },
)

# Trained by compact_training.py; a model card lies beside each file.
SHIPPED = Path(__file__).parent / "weights"
_SHIPPED_SHA256 = {
    Task.IVF: "6f1608fd86fbda807ec3353c67447a028df28fb5b70e4b8db09cc916e508577d",
    Task.MIF: "fc7dcc0f320c0533b9fa9b30e01b9c2bb6913f1083d2ec80c7312c1e000212a3",
    Task.MEF: "9cc5e001755775eb2d78fe76ed1e2b74be3e7fdf612eb02a7b2b8e9f26801e5e",
    Task.MFF: "c8e85a8d9f0d896862f26fe24291392c8450074286458b5b10f89af101efc815",
}
SHIPPED_TASKS = tuple(_SHIPPED_SHA256)

COMPACT = dataclasses.replace(
    FILM,
    name="film-compact",
    version="2",
    tasks=SHIPPED_TASKS,
    title="FILM-compact",
    options={
        "rescale": dataclasses.replace(_OPTIONS["rescale"], default="clip"),
        "form": _OPTIONS["form"],
        "text": dataclasses.replace(_TEXT_OPTIONS["text"], default="offline"),
        "prompt": _TEXT_OPTIONS["prompt"],
        "features": _FEATURES,
    },
    weights=tuple(
        WeightSpec(
            name=str(task),
            filename=f"film-compact-{task.lower()}.safetensors",
            tasks=(task,),
            package_file=SHIPPED / f"film-compact-{task.lower()}.safetensors",
            sha256=(digest,),
            licence="Apache-2.0, as this project",
            how="fusionbench's own installation is incomplete: install it again.",
            # The pictures that the other tasks' pairs were synthesised of are no sources of theirs.
            training_list="fusionbench_film:splits/roadscene-train-100.csv" if task is Task.IVF else "",
        )
        for task, digest in _SHIPPED_SHA256.items()
    ),
    licence="Apache-2.0, as this project",
    training_data=("roadscene",),
    trainer=None,
    training_configs={},
    summary="A small FILM that this project trained on few pairs, weights included; not the authors' model.",
    meta={},
)

# Ablations II to V of the paper differ in the text alone: name -> (variant of the features, what it is).
TEXT_ABLATIONS = {
    "film-direct": ("direct", "ablation II: the language model sees the images, without hand-made prompts"),
    "film-caption": ("caption", "ablation III: image captions only"),
    "film-dense": ("dense", "ablation IV: image captions and dense captions"),
    "film-no-llm": ("no-llm", "ablation V: captions and masks concatenated, without a language model"),
}


def _trained_here(name: str) -> tuple[WeightSpec, ...]:
    return (
        WeightSpec(
            name="trained",
            filename=f"{name}.safetensors",
            how=f"Nobody publishes them. Train them: fusionbench train {name} --config {name} --set data.root=VLF_DIR, "
            "then give weights=OUT/weights.safetensors, or copy that file to {target}.",
        ),
    )


def ablations() -> list[MethodSpec]:
    """The paper's ablations I to V as methods of their own, to be trained and run by name."""
    without_text = dataclasses.replace(
        FILM,
        name="film-no-text",
        title="FILM w/o text",
        factory="fusionbench_film.ablation:FilmWithoutText",
        fingerprint=None,
        requirements=None,
        text="none",
        options=dict(_OPTIONS)
        | {
            "preset": Option(
                default="auto", choices=("auto", "no-text"), help="Dimensions; auto: as stored with the weights."
            )
        },
        weights=_trained_here("film-no-text"),
        summary="FILM, ablation I: visual features only, with extra Restormer blocks in place of the guidance.",
    )
    others = [
        dataclasses.replace(
            FILM,
            name=name,
            title=f"FILM ({variant})",
            options=dict(FILM.options)
            | {"features": Option(default=variant, help="Variant of the text features that the data set offers.")},
            weights=_trained_here(name),
            summary=f"FILM, {what}.",
        )
        for name, (variant, what) in TEXT_ABLATIONS.items()
    ]
    return [without_text, *others]


_VLF_OPTIONS = {
    "dataset": Option(default="", help="Data set inside the VLF folder; needed where there are several of the task."),
    "features": Option(default="", help="Variant of the text features: folder TextFeature-VARIANT."),
}


def _vlf(task: Task) -> DatasetSpec:
    return DatasetSpec(
        name=f"vlf-{task.lower()}",
        task=task,
        opener=f"fusionbench_film.vlf.datasets:open_{task.lower()}",
        title=f"VLF {task}",
        splits=("test", "train", "all"),
        folders=("VLFDataset", "VLF"),
        file_suffixes=(".h5", ".hdf5"),
        layout="Image/TASK/DATASET/SIDE/NAME.png with SPLIT.txt lists and TextFeature/TASK/DATASET/NAME.npy, "
        "or the official DATASET_SPLIT.h5",
        page=PAGE,
        licence="not stated",
        paper=PAPER,
        options=_VLF_OPTIONS,
        summary=f"Vision-Language Fusion data with text features, {task.title}.",
    )


PREPARE_VLF = CommandSpec(
    name="prepare-vlf",
    parent="data",
    command="fusionbench_film.vlf.command:prepare",
    summary="Convert VLF image folders and text features to FILM's .h5 files, and back.",
)


@hookimpl
def fusionbench_methods() -> list[MethodSpec]:
    """FILM and the ablations of its paper."""
    return [FILM, COMPACT, *ablations()]


@hookimpl
def fusionbench_text_features() -> list[TextFeaturesSpec]:
    """Features beside the images of a VLF folder, whatever data set the images are read as."""
    return [
        TextFeaturesSpec(
            name="vlf",
            finder="fusionbench_film.vlf.attaching:features_beside",
            summary="TextFeature/TASK/DATASET/NAME.npy beside Image/TASK/DATASET.",
        )
    ]


@hookimpl
def fusionbench_datasets() -> list[DatasetSpec]:
    """The Vision-Language Fusion data, a data set for each task."""
    return [_vlf(task) for task in Task]
