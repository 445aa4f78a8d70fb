"""The notes of results, told once for many samples."""

from __future__ import annotations

import pandas as pd

from fusionbench.results.notes import told


def test_a_note_is_told_once_with_the_number_of_its_samples() -> None:
    rows = [
        ("mean", "tno", sample, metric, notes)
        for sample, notes in (("1", "a; b"), ("2", "a"), ("3", ""))
        for metric in ("EN", "SD")
    ]
    frame = pd.DataFrame(rows, columns=["method", "dataset", "sample", "metric", "notes"])
    assert told(frame) == ["mean on tno, 2 samples: a", "mean on tno, 1 sample: b"]
    assert told(frame[frame["sample"] == "3"]) == []
