"""mAP and mIoU, by libraries that are kept: faster-coco-eval and torchmetrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from fusionbench.extras import require
from fusionbench.types import IGNORED, Box
from fusionbench_downstream.models import EXTRA
from fusionbench_downstream.settings import Kind

Detections = tuple[Tensor, Tensor, Tensor]
"""Scores, classes, boxes as left, top, right and bottom in pixels."""


MAIN: dict[Kind, str] = {"detection": "mAP50", "segmentation": "mIoU"}
"""The mean by which the demonstration judges, and which is given for each light."""

LIBRARY: dict[Kind, str] = {"detection": "faster_coco_eval", "segmentation": "torchmetrics"}


def metric_names(kind: Kind, classes: Sequence[str], lights: Iterable[str] = ()) -> tuple[str, ...]:
    """The metrics of a kind: the means, :data:`MAIN` for each light, then one for each class."""
    of_lights = [f"{MAIN[kind]}:{light}" for light in lights]
    if kind == "detection":
        return ("mAP50", "mAP50-95", *of_lights, *(f"AP:{name}" for name in classes))
    return ("mIoU", *of_lights, *(f"IoU:{name}" for name in classes))


def detection_scores(
    found: Sequence[Detections], boxes: Sequence[Sequence[Box]], classes: Sequence[str]
) -> dict[str, float]:
    """COCO's average precisions.

    Args:
        found: What was detected in each picture; classes are indices into ``classes``.
        boxes: What is there. Difficult ones count neither when found nor when missed (COCO's crowds).
        classes: All classes.

    Returns:
        ``mAP50``, ``mAP50-95`` and for each class ``AP:NAME`` (50:95), in [0, 1]. The means are over the classes that
        occur; the value of one that does not is NaN.

    Raises:
        MissingExtraError: faster-coco-eval is not installed.
    """
    coco: Any = require(LIBRARY["detection"], extra=EXTRA, purpose="mAP")
    occurring = {box.name for objects in boxes for box in objects if not box.difficult}
    names = metric_names("detection", classes)
    if not occurring:
        return dict.fromkeys(names, math.nan)
    truth = coco.COCO(_as_coco(boxes, classes))
    results = [
        {"image_id": number, "category_id": kind, "bbox": _extent(corners), "score": score}
        for number, (scores, kinds, all_corners) in enumerate(found, start=1)
        for score, kind, corners in zip(scores.tolist(), kinds.tolist(), all_corners.tolist(), strict=True)
    ]
    if not results:
        return {name: 0.0 if name.removeprefix("AP:") in (*occurring, *names[:2]) else math.nan for name in names}
    evaluation = coco.COCOeval_faster(truth, truth.loadRes(results), iouType="bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    # Thresholds of IoU x recall x class x size (0: all) x most detections (-1: 100); -1 where a class does not occur.
    precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
    places = [place for place, name in enumerate(classes) if name in occurring]
    by_class = {place: float(precision[:, :, place].mean()) for place in places}
    values = [float(precision[0][:, places].mean()), float(precision[:, :, places].mean())]
    return dict(zip(names, [*values, *(by_class.get(place, math.nan) for place in range(len(classes)))], strict=True))


def _as_coco(boxes: Sequence[Sequence[Box]], classes: Sequence[str]) -> dict[str, Any]:
    """What is there in the form of a COCO file, pictures and objects numbered from 1, classes from 0."""
    objects = [(number, box) for number, listed in enumerate(boxes, start=1) for box in listed]
    return {
        "images": [{"id": number} for number in range(1, len(boxes) + 1)],
        "categories": [{"id": place, "name": name} for place, name in enumerate(classes)],
        "annotations": [
            {
                "id": place,
                "image_id": number,
                "category_id": classes.index(box.name),
                "bbox": _extent(box.xyxy),
                "area": (box.xyxy[2] - box.xyxy[0]) * (box.xyxy[3] - box.xyxy[1]),
                "iscrowd": int(box.difficult),
            }
            for place, (number, box) in enumerate(objects, start=1)
        ],
    }


def _extent(corners: Sequence[float]) -> list[float]:
    """Left, top, width and height."""
    left, top, right, bottom = corners
    return [left, top, right - left, bottom - top]


def segmentation_scores(found: Sequence[Tensor], masks: Sequence[Tensor], classes: Sequence[str]) -> dict[str, float]:
    """Intersection over union, counted over the pixels of all pictures together.

    Args:
        found: H x W class indices each; the number of classes stands for none of them.
        masks: What is there, H x W class indices each; pixels of 255 count nowhere.
        classes: All classes, the background among them.

    Returns:
        ``mIoU`` and for each class ``IoU:NAME``, in [0, 1]. The mean is over the classes that occur in the masks or
        were found; the value of one that is neither is NaN.

    Raises:
        MissingExtraError: torchmetrics is not installed.
    """
    library = require(LIBRARY["segmentation"], extra=EXTRA, purpose="mIoU")
    metric = library.classification.MulticlassConfusionMatrix(num_classes=len(classes) + 1, ignore_index=IGNORED)
    for prediction, mask in zip(found, masks, strict=True):
        metric.update(prediction.reshape(-1).long(), mask.reshape(-1).long())
    counts = metric.compute().double()
    shared = counts.diagonal()
    union = (counts.sum(0) + counts.sum(1) - shared)[: len(classes)]
    shared = shared[: len(classes)]
    values = [float(s / u) if u > 0 else math.nan for s, u in zip(shared, union, strict=True)]
    known = [value for value in values if not math.isnan(value)]
    mean = math.fsum(known) / len(known) if known else math.nan
    return {"mIoU": mean, **{f"IoU:{name}": value for name, value in zip(classes, values, strict=True)}}
