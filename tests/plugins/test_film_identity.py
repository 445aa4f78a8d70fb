"""Results of FILM are computed anew when the text they were made with changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fusionbench.types import Sample, Task
from fusionbench_film.method import text_digests
from tests.helpers.scenes import FolderOfPairs


def features(path: Path, value: float) -> Path:
    np.save(path, np.full((3, 4), value, np.float32))
    return path


def test_prompts_and_variants_enter_the_identity_of_results(tmp_path: Path) -> None:
    own, variant = features(tmp_path / "own.npy", 0), features(tmp_path / "caption.npy", 1)
    sample = Sample(id="a", task=Task.IVF, sources=(own, own), text_features={"": own, "caption": variant})
    dataset = FolderOfPairs("pairs", Task.IVF, [sample])
    assert text_digests({"text": "none", "features": ""}, dataset) == {}
    assert text_digests({"text": "required", "features": ""}, dataset) == {}
    before = text_digests({"text": "required", "features": "caption"}, dataset)
    features(variant, 2)
    after = text_digests({"text": "required", "features": "caption"}, dataset)
    assert before.keys() == after.keys() == {"a"}
    assert before != after
    prompt = text_digests({"text": str(variant), "features": ""}, dataset)
    assert prompt == after
