"""Detectors and segmenters: small ones, those of ``transformers``, and what they say in one form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.data import Classes
from fusionbench.extras import require
from fusionbench.images.hashing import file_sha256
from fusionbench.printable import some_of
from fusionbench.types import IGNORED, UsageError, WeightsError
from fusionbench.types.values import expanded
from fusionbench.weights.pretrained import from_pretrained
from fusionbench_downstream.settings import SMALL, Kind

EXTRA = "downstream"
CONFIG = "config.json"
SCRATCH = "scratch:"
# What the pictures of ImageNet, on which nearly all weights were trained, have.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_AUTO = {"detection": "AutoModelForObjectDetection", "segmentation": "AutoModelForSemanticSegmentation"}
_SMALL = ("fusionbench_small_detector", "fusionbench_small_segmenter")
_SMALL_RATE, _RATE = 2e-3, 5e-5
_SCRATCH_RATE = 2e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model and what it knows of its task.

    Attributes:
        module: The ``transformers`` model.
        kind: What it is for.
        names: Its classes in the order of its outputs.
        mean, deviation: By which pictures in [0, 1] are normalised.
        learning_rate: Usual for it.
    """

    module: nn.Module
    kind: Kind
    names: tuple[str, ...]
    mean: tuple[float, ...] = _MEAN
    deviation: tuple[float, ...] = _DEVIATION
    learning_rate: float = _RATE

    def normalised(self, pictures: Tensor) -> Tensor:
        """N x 3 x H x W uint8 as the model takes them."""
        mean = torch.tensor(self.mean, device=pictures.device).view(3, 1, 1)
        deviation = torch.tensor(self.deviation, device=pictures.device).view(3, 1, 1)
        return (pictures.float() / 255 - mean) / deviation

    def detect(self, pictures: Tensor, sizes: Sequence[tuple[int, int]]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Scores, classes and boxes of each picture, left, top, right and bottom in pixels of the given size.

        Args:
            pictures: N x 3 x H x W uint8.
            sizes: Width and height of each, before it was resized.
        """
        output = self.module(pixel_values=self.normalised(pictures))
        height, width = pictures.shape[-2:]
        own: Any = getattr(self.module, "detections", None)  # the small detector reads its output itself
        found = own(output) if own is not None else _queries(output, height, width, len(self.names))
        scaled = []
        for (scores, kinds, boxes), size in zip(found, sizes, strict=True):
            factor = boxes.new_tensor([size[0] / width, size[1] / height] * 2)
            limit = boxes.new_tensor([*size, *size])
            inside = (boxes * factor).clamp(min=0).minimum(limit)
            scaled.append((scores.float().cpu(), kinds.cpu(), inside.float().cpu()))
        return scaled

    def segment(self, pictures: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
        """H x W class indices of each picture, at the given width and height."""
        logits = self.module(pixel_values=self.normalised(pictures)).logits
        return [
            F.interpolate(one[None].float(), size=(size[1], size[0]), mode="bilinear", align_corners=False)[0]
            .argmax(dim=0)
            .cpu()
            for one, size in zip(logits, sizes, strict=True)
        ]


def load(reference: str, kind: Kind, classes: Sequence[str], *, retrain: bool) -> Model:
    """Build or load a model.

    Args:
        reference: ``small``, ``scratch:TYPE``, a folder, or an id of the hub.
        kind: What it is for.
        classes: Of the data set; the model gets a head for them where it is trained.
        retrain: Whether it is trained. Weights of another number of classes are then left out.

    Raises:
        UsageError: There is no such type of model, or a folder has no weights and nothing is trained.
        WeightsError: The model cannot be had or read.
        MissingExtraError: ``transformers`` is not installed.
    """
    transformers = require("transformers", extra=EXTRA, purpose=f"a {kind} model")
    names: dict[str, Any] = {
        "id2label": dict(enumerate(classes)),
        "label2id": {name: place for place, name in enumerate(classes)},
    }
    if reference == SMALL:
        return Model(module=_small(kind, names), kind=kind, names=tuple(classes), learning_rate=_SMALL_RATE)
    if reference.startswith(SCRATCH):
        config = _config(transformers, reference.removeprefix(SCRATCH), names)
        module = _from_config(transformers, config, kind)
        return Model(module=module, kind=kind, names=tuple(classes), learning_rate=_SCRATCH_RATE)
    place = Path(expanded(reference))
    source = str(place) if place.is_dir() else reference
    if place.is_dir() and not any(place.glob("*.safetensors")):
        if not retrain:
            raise UsageError(f"--model {reference}: the folder holds no weights (*.safetensors).")
        config = from_pretrained("AutoConfig", source, **names)
        module = _from_config(transformers, config, kind)
        return Model(module=module, kind=kind, names=tuple(classes), learning_rate=_SCRATCH_RATE)
    _register_small()
    # Folders and hub ids alike: weights that are no safetensors are pickles.
    options: dict[str, Any] = {"use_safetensors": True}
    if retrain:
        options |= {**names, "ignore_mismatched_sizes": True}
    module = from_pretrained(_AUTO[kind], source, **options)
    own = tuple(str(module.config.id2label[place]) for place in range(module.config.num_labels))
    small = module.config.model_type in _SMALL
    mean, deviation = (_MEAN, _DEVIATION) if small else _normalisation(transformers, source)
    return Model(
        module=module,
        kind=kind,
        names=tuple(classes) if retrain else own,
        mean=mean,
        deviation=deviation,
        learning_rate=_SMALL_RATE if small else _RATE,
    )


def identity(reference: str) -> str:
    """What tells a model's weights apart: of a folder the digests of its files, else the reference itself."""
    place = Path(expanded(reference))
    if reference == SMALL or reference.startswith(SCRATCH) or not place.is_dir():
        return reference
    files = sorted(path for path in place.iterdir() if path.name == CONFIG or path.suffix == ".safetensors")
    return " ".join(file_sha256(path) for path in files)


def matched(names: Sequence[str], classes: Sequence[str], given: Mapping[str, str]) -> dict[int, int]:
    """The class of the data set that each class of a model is, by name; a model's other classes are left out.

    Args:
        names: Of the model, in the order of its outputs.
        classes: Of the data set.
        given: Names of the model -> those of the data set, where they differ.

    Raises:
        UsageError: A given name is none, or nothing is common.
    """
    vocabulary = Classes(tuple(classes))
    for name, target in given.items():
        if name not in names:
            raise UsageError(f"--class {name}={target}: the model has no class {name!r}.", hint=some_of(names, 20))
        if target not in classes:
            raise UsageError(
                f"--class {name}={target}: the data set has no class {target!r}.", hint=some_of(classes, 20)
            )
    found: dict[int, int] = {}
    for place, name in enumerate(names):
        known = given.get(name) or vocabulary.known(name)
        if known is not None:
            found[place] = classes.index(known)
    if not found:
        raise UsageError(
            f"the model's classes ({some_of(names, 20)}) have no name in common with those of the data set"
            f" ({some_of(classes, 20)}).",
            hint="--class MODEL_NAME=DATASET_NAME says which are the same.",
        )
    return found


def _small(kind: Kind, names: Mapping[str, Any]) -> nn.Module:
    if kind == "detection":
        from fusionbench_downstream.small_detector import SmallDetector, SmallDetectorConfig

        return SmallDetector(SmallDetectorConfig(**names))
    from fusionbench_downstream.small_segmenter import SmallSegmenter, SmallSegmenterConfig

    return SmallSegmenter(SmallSegmenterConfig(**names))


def _register_small() -> None:
    """Folders of the small models load like any other once their classes are known."""
    # Their imports register them.
    from fusionbench_downstream import small_detector, small_segmenter  # noqa: F401


def _config(transformers: Any, kind_of_model: str, names: Mapping[str, Any]) -> Any:
    try:
        return transformers.AutoConfig.for_model(kind_of_model, **names)
    except ValueError as error:
        raise UsageError(
            f"--model {SCRATCH}{kind_of_model}: transformers {transformers.__version__} knows no such type of model.",
            hint="Such as yolos, rt_detr or detr for detection, segformer for segmentation.",
        ) from error


def _from_config(transformers: Any, config: Any, kind: Kind) -> nn.Module:
    if kind == "segmentation" and hasattr(config, "semantic_loss_ignore_index"):
        config.semantic_loss_ignore_index = IGNORED
    try:
        return getattr(transformers, _AUTO[kind]).from_config(config)
    except (ValueError, ImportError, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        raise UsageError(f"a {config.model_type} model cannot be built for {kind}: {reason}") from error


def _normalisation(transformers: Any, source: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation that a model's processor subtracts and divides by."""
    try:
        facts, _ = transformers.ImageProcessingMixin.get_image_processor_dict(source)
    except (OSError, ValueError, json.JSONDecodeError):
        return _MEAN, _DEVIATION  # the folder has no processor: our own, or weights alone
    if not facts.get("do_normalize", True):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    mean = tuple(facts.get("image_mean") or _MEAN)
    deviation = tuple(facts.get("image_std") or _DEVIATION)
    if len(mean) != 3 or len(deviation) != 3:
        raise WeightsError(
            f"{source}: the processor is not one of colour pictures (mean {mean}, deviation {deviation})."
        )
    return mean, deviation


def _queries(
    output: Any, height: int, width: int, count: int, *, most: int = 100
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """What detectors with queries (DETR, YOLOS, RT-DETR and their kin) say: the likeliest pairs of query and class.

    A further class is that of no object, and the classes exclude each other; without one, each is a yes or no.
    """
    logits: Tensor = output.logits
    chances = logits.softmax(-1)[..., :-1] if logits.shape[-1] == count + 1 else logits.sigmoid()
    found = []
    for chance, boxes in zip(chances, output.pred_boxes, strict=True):
        best, places = chance.flatten().topk(min(most, chance.numel()))
        queries, kinds = places // chance.shape[-1], places % chance.shape[-1]
        centre, extent = boxes[queries, :2], boxes[queries, 2:]
        corners = torch.cat((centre - extent / 2, centre + extent / 2), dim=-1)
        found.append((best, kinds, corners * corners.new_tensor([width, height] * 2)))
    return found
