"""mAP and mIoU against the libraries that everybody uses, on detections and masks that are drawn at random."""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
import pytest
import torch

from fusionbench.types import Box
from fusionbench_downstream.scoring import detection_scores, segmentation_scores

pytest.importorskip("faster_coco_eval")
CLASSES = ("person", "car", "lamp", "never")


def drawn(seed: int) -> tuple[list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]], list[list[Box]]]:
    """Boxes of three of the classes in 25 pictures, some difficult, and detections near them, beside them, doubled."""
    random = np.random.default_rng(seed)
    found, there = [], []
    for _ in range(25):
        objects, scores, kinds, corners = [], [], [], []
        for _ in range(random.integers(0, 6)):
            left, top = random.uniform(0, 200, 2)
            width, height = random.uniform(5, 120, 2)
            kind = int(random.integers(3))
            box = (left, top, left + width, top + height)
            objects.append(Box(CLASSES[kind], box, bool(random.random() < 0.1)))
            for _ in range(random.integers(0, 3)):
                corners.append(np.array(box) + random.normal(0, 6, 4))
                scores.append(random.uniform())
                kinds.append(kind if random.random() < 0.8 else int(random.integers(4)))
        for _ in range(random.integers(0, 3)):
            left, top = random.uniform(0, 200, 2)
            corners.append(np.array([left, top, left + 30, top + 20]))
            scores.append(random.uniform())
            kinds.append(int(random.integers(4)))
        boxes = torch.tensor(np.array(corners).reshape(-1, 4), dtype=torch.float32)
        found.append((torch.tensor(scores), torch.tensor(kinds, dtype=torch.int64), boxes))
        there.append(objects)
    return found, there


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    found, there = drawn(seed)

    truth = coco.COCO()
    annotations = [
        {
            "image_id": number,
            "category_id": CLASSES.index(box.name),
            "bbox": [box.xyxy[0], box.xyxy[1], box.xyxy[2] - box.xyxy[0], box.xyxy[3] - box.xyxy[1]],
            "area": (box.xyxy[2] - box.xyxy[0]) * (box.xyxy[3] - box.xyxy[1]),
            "iscrowd": int(box.difficult),
        }
        for number, objects in enumerate(there)
        for box in objects
    ]
    truth.dataset = {
        "images": [{"id": number} for number in range(len(there))],
        "categories": [{"id": place, "name": name} for place, name in enumerate(CLASSES)],
        "annotations": [{"id": place, **facts} for place, facts in enumerate(annotations, start=1)],
    }
    results = [
        {"image_id": n, "category_id": int(k), "score": float(s), "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]]}
        for n, (scores, kinds, boxes) in enumerate(found)
        for s, k, b in zip(scores, kinds, boxes.tolist(), strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = cocoeval.COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()

    scores = detection_scores(found, there, CLASSES)
    assert scores["mAP50-95"] == pytest.approx(evaluation.stats[0], abs=1e-9)
    assert scores["mAP50"] == pytest.approx(evaluation.stats[1], abs=1e-9)
    for place, name in enumerate(CLASSES[:3]):
        expected = evaluation.eval["precision"][:, :, place, 0, 2].mean()
        assert scores[f"AP:{name}"] == pytest.approx(expected, abs=1e-9)
    assert math.isnan(scores["AP:never"])


def test_average_precision_at_its_bounds() -> None:
    there = [[Box("person", (10, 10, 40, 50))], []]
    none = (torch.zeros(0), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4))
    right = (torch.tensor([0.9]), torch.tensor([0]), torch.tensor([[10.0, 10, 40, 50]]))
    assert detection_scores([right, none], there, CLASSES)["mAP50-95"] == pytest.approx(1)
    assert detection_scores([none, none], there, CLASSES)["mAP50"] == 0
    assert math.isnan(detection_scores([right, right], [[], []], CLASSES)["mAP50"])  # nothing to find: no value


def test_intersection_over_union_is_that_of_torchmetrics() -> None:
    classification = pytest.importorskip("torchmetrics.classification")
    generator = torch.Generator().manual_seed(0)
    masks = [torch.randint(0, 4, (20, 30), generator=generator) for _ in range(4)]
    found = [torch.where(torch.rand(m.shape, generator=generator) < 0.7, m, (m + 1) % 4) for m in masks]
    for mask in masks:
        mask[:3] = 255
    expected = classification.MulticlassJaccardIndex(4, average="none", ignore_index=255)(
        torch.stack(found), torch.stack(masks)
    )
    scores = segmentation_scores(found, masks, CLASSES)
    assert [scores[f"IoU:{name}"] for name in CLASSES] == pytest.approx(expected.tolist(), abs=1e-6)
    assert scores["mIoU"] == pytest.approx(float(expected.mean()), abs=1e-6)


def test_a_class_that_is_nowhere_has_no_value_and_none_of_the_classes_is_wrong() -> None:
    mask = torch.tensor([[0, 0, 1, 1]])
    scores = segmentation_scores([torch.tensor([[0, 4, 1, 1]])], [mask], CLASSES)  # 4: none of them
    assert scores["IoU:person"] == pytest.approx(0.5)
    assert scores["IoU:car"] == pytest.approx(1)
    assert math.isnan(scores["IoU:lamp"])
    assert scores["mIoU"] == pytest.approx(0.75)


def test_the_small_segmenters_loss_is_dices_beside_the_usual_one() -> None:
    pytest.importorskip("transformers")
    from fusionbench.types import IGNORED
    from fusionbench_downstream.models import load

    torch.manual_seed(0)
    model = load("small", "segmentation", ("a", "b", "c"), retrain=True).module
    pictures, labels = torch.rand(2, 3, 33, 47), torch.randint(0, 3, (2, 33, 47))
    labels[0, :9] = IGNORED
    output = model(pixel_values=pictures, labels=labels)
    logits = torch.nn.functional.interpolate(output.logits, size=(33, 47), mode="bilinear").movedim(1, -1)
    counted = labels != IGNORED
    chances, there = logits[counted].softmax(-1), torch.eye(3)[labels[counted]]
    dice = (2 * (chances * there).sum(0) + 1) / (chances.sum(0) + there.sum(0) + 1)
    usual = torch.nn.functional.cross_entropy(logits[counted], labels[counted])
    assert output.loss.item() == pytest.approx((usual + 1 - dice.mean()).item(), rel=1e-5)
