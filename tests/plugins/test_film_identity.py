"""Results of FILM are computed anew when the text they were made with changes."""

from __future__ import annotations

from collections.abc import Mapping
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

    def digests(text: str = "required", variant: str = "", prompt: Path | None = None) -> Mapping[str, str]:
        return text_digests({"text": text, "features": variant, "prompt": prompt}, dataset)

    assert digests("none") == digests() == {}
    before = digests(variant="caption")
    features(variant, 2)
    after = digests(variant="caption")
    assert before.keys() == after.keys() == {"a"}
    assert before != after
    assert digests("prompt", prompt=variant) == after
