"""Which weights training the compact FILM keeps; the training itself takes hours."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest

from fusionbench_film.compact_training import keep_apart, refusal

AVERAGE = {"EN": 6.5, "SD": 28.0, "SF": 7.5, "AG": 2.9, "VIF": 0.57, "Qabf": 0.38}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"VIF": 0.4, "SD": 27.0}, ""),
        ({"Qabf": 0.37}, "at least as good as averaging in EN, SD, SF, AG, VIF"),
        ({"EN": 6.0, "SD": 20.0, "VIF": 0.5}, "at least as good as averaging in SF, AG, Qabf"),
        # A negative image: strong in all that does not look at the sign.
        (
            {"VIF": 0.12, "SD": 51.8, "Qabf": 0.6},
            "at least as good as averaging in EN, SD, SF, AG, Qabf, far below it in VIF",
        ),
        ({"Qabf": float("nan")}, "at least as good as averaging in EN, SD, SF, AG, VIF"),
    ],
)
def test_weights_that_lose_are_refused(changes: dict[str, float], reason: str) -> None:
    scores = pandas.DataFrame([AVERAGE | changes, AVERAGE], index=["film", "average"])
    assert refusal(scores) == reason


def test_a_test_image_among_the_training_images_stops_it(tmp_path: Path) -> None:
    for part, content in (("train", b"one"), ("test", b"two")):
        folder = tmp_path / part / "Image" / "IVF"
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(content)
    keep_apart(tmp_path / "train", tmp_path / "test")
    (tmp_path / "test" / "Image" / "IVF" / "b.png").write_bytes(b"one")
    with pytest.raises(SystemExit, match=r"a\.png: is also a test image"):
        keep_apart(tmp_path / "train", tmp_path / "test")
