"""``reconcile`` names the convention that numbers were made with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from fusionbench.cli import main
from fusionbench.images.encode import write_png
from fusionbench.metrics import evaluate
from fusionbench.reconcile.published import matched_samples, read_table
from fusionbench.reconcile.search import Sample, reconcile, verdict
from fusionbench.types import DataError
from tests.helpers.shared import shared_path
from tests.metrics.tester import scenes


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """Two colour images with a gray first source, as infrared and visible ones."""
    fused, a, b = (stack.permute(0, 2, 3, 1).numpy() for stack in scenes(2, 60, 64, channels=3))
    return [(f"{k:02}", fused[k], (a[k, ..., 0], b[k])) for k in range(2)]


def best(published: pd.DataFrame, samples: list[Sample]) -> dict[str, str]:
    ranked = verdict(reconcile(published, lambda method: samples))
    return ranked.groupby("metric", sort=False)["candidate"].first().to_dict()


def measured(samples: list[Sample], metric: str, profile: str) -> list[float]:
    return [evaluate(f, s, metrics=metric, profile=profile).iloc[0, 0] for _, f, s in samples]


@pytest.mark.parametrize(
    ("metric", "profile"), [("SSIM", "vifb"), ("SSIM", "cddfuse"), ("PSNR", "zhao"), ("SF", "vifb"), ("MI", "tang")]
)
def test_finds_the_profile(samples: list[Sample], metric: str, profile: str) -> None:
    values = measured(samples, metric, profile)
    table = pd.DataFrame({"method": "Ours", "image": [name for name, *_ in samples], metric: values})
    assert profile in best(table, samples)[metric].replace(" = ", "/").split("/")


def test_finds_deviations_from_means(samples: list[Sample]) -> None:
    """A mean printed with four digits: half of SSIM, SF on 0..1, gray as mean of R, G, B."""
    spread = np.mean([np.rint(fused.mean(2)).std() for _, fused, _ in samples])
    table = pd.DataFrame(
        {
            "method": ["Ours"],
            "SSIM": [f"{np.mean(measured(samples, 'SSIM', 'zhao')) / 2:.4f}"],
            "SF": [f"{np.mean(measured(samples, 'SF', 'zhao')) / 255:.5f}"],
            "SD": [f"{spread:.4f}"],
        }
    ).astype({"SSIM": float, "SF": float, "SD": float})
    found = best(table, samples)
    assert "zhao (half: mean instead of sum over the sources)" in found["SSIM"]
    assert found["SF"] == "tang-published" or "0..1" in found["SF"]
    assert "gray as mean of R, G, B" in found["SD"]


def test_refuses_a_table_without_metrics(samples: list[Sample]) -> None:
    with pytest.raises(DataError, match="needs a column 'method'"):
        reconcile(pd.DataFrame({"method": ["Ours"], "Speed": [1.0]}), lambda method: samples)


def test_numbers_of_nothing_that_was_scored_are_refused(samples: list[Sample]) -> None:
    with pytest.raises(DataError, match="no printed number"):
        reconcile(pd.DataFrame({"method": ["Ours"], "EN": [np.nan]}), lambda method: samples)


def test_exchanged_sources_are_found_against_the_order_of_the_program(samples: list[Sample]) -> None:
    """vifb passes the visible image first: a colour result of a gray first source has no value there."""
    exchanged = [evaluate(f, s[::-1], metrics="Qabf", profile="zhao").iloc[0, 0] for _, f, s in samples]
    assert exchanged == pytest.approx(measured(samples, "Qabf", "zhao"))
    table = pd.DataFrame({"method": "Ours", "image": ["00", "01"], "Qabf": measured(samples, "Qabf", "vifb")})
    found = reconcile(table, lambda method: samples)
    assert found[(found.error < 1e-12) & (found.deviations == 0)].candidate.tolist() == ["vifb"] * 2


@pytest.mark.parametrize("fused_channels", [1, 3])
def test_deviations_that_change_nothing_are_not_named(samples: list[Sample], fused_channels: int) -> None:
    """Gray images that files store as R = G = B, as all of TNO are."""

    def stored(plane: np.ndarray, channels: int = 3) -> np.ndarray:
        return np.repeat(plane[..., None], channels, 2) if channels > 1 else plane

    gray = [
        (name, stored(fused[..., 0], fused_channels), (stored(a), stored(b[..., 0]))) for name, fused, (a, b) in samples
    ]
    value = np.mean(measured(gray, "EN", "zhao"))
    found = reconcile(pd.DataFrame({"method": ["Ours"], "EN": [value], "MI": [1.0]}), lambda method: gray)
    said = " ".join(found.candidate)
    assert "sources exchanged" in said
    assert not any(word in said for word in ("MATLAB", "OpenCV", "mean of R, G, B", "red and blue", "channels"))
    plain = reconcile(
        pd.DataFrame({"method": ["Ours"], "EN": [value], "MI": [1.0]}),
        lambda method: [(name, f if f.ndim == 2 else f[..., 0], (a[..., 0], b[..., 0])) for name, f, (a, b) in gray],
    )
    wanted = ["metric", "candidate", "error"]
    truncated = found.candidate.str.contains("truncated")
    ordered = [table[wanted].sort_values(wanted[:2], ignore_index=True) for table in (found[~truncated], plain)]
    pd.testing.assert_frame_equal(*ordered)


def test_metrics_of_two_sources_explain_nothing_of_stacks() -> None:
    fused, a, b = (image[0, 0].numpy() for image in scenes(1, 48, 50))
    value = evaluate(fused, [a, b, a], metrics="VIF").iloc[0, 0]
    table = pd.DataFrame({"method": ["Ours"], "VIF": [value]})
    found = best(table, [("00", fused, (a, b, a))])
    assert "zhao" in found["VIF"]
    assert "mefb" not in found["VIF"]


def test_command(tmp_path: Path, samples: list[Sample]) -> None:
    """From a long CSV and folders of images to the verdict."""
    for name, fused, (a, b) in samples:
        write_png(tmp_path / "tno" / "ir" / f"{name}.png", a)
        write_png(tmp_path / "tno" / "vi" / f"{name}.png", b)
        write_png(tmp_path / "fused" / f"{name}.png", fused)
    lines = ["image,method,metric,value"]
    for name, fused, (a, b) in samples:
        value = evaluate(fused, [a, b], metrics="Qabf", profile="zhao").iloc[0, 0]
        lines.append(f"{name},Ours,Qabf,{value:.6f}")
    (tmp_path / "table.csv").write_text("\n".join(lines))
    output = tmp_path / "all.csv"
    arguments = ["reconcile", str(tmp_path / "table.csv"), "-d", f"tno@all={tmp_path / 'tno'}", "-o", str(output)]
    result = CliRunner().invoke(main, [*arguments, "--fused", f"Ours={tmp_path / 'fused'}"])
    assert result.exit_code == 0, result.output
    assert "Qabf (2 numbers)" in result.output
    assert "zhao" in result.output.splitlines()[1]
    assert len(pd.read_csv(output)) > 10
    missing = CliRunner().invoke(main, [*arguments, "--fused", f"Other={tmp_path / 'fused'}"])
    assert missing.exit_code == 2
    assert "no row's method has fused images" in missing.output


def test_the_command_says_how_far_it_is(tmp_path: Path, samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusionbench.cli.progress._PLAIN_FIRST", 0)
    name, fused, (a, b) = samples[0]
    for place, image in (("tno/ir", a), ("tno/vi", b), ("fused", fused)):
        write_png(tmp_path / place / f"{name}.png", image)
    (tmp_path / "table.csv").write_text("method,EN\nOurs,7.1\n")
    arguments = ["reconcile", str(tmp_path / "table.csv"), "-d", f"tno@all={tmp_path / 'tno'}"]
    result = CliRunner().invoke(main, [*arguments, "--fused", f"Ours={tmp_path / 'fused'}"])
    assert result.exit_code == 0, result.output
    assert "comparing Ours: 0/1" in result.stderr
    assert "comparing" not in result.stdout


def test_fused_images_have_the_suffixes_of_data_sets(tmp_path: Path, samples: list[Sample]) -> None:
    name, fused, (a, b) = samples[0]
    for place, image in (("tno/ir", a), ("tno/vi", b), ("fused", fused)):
        write_png(tmp_path / place / f"{name}.png", image)
    (tmp_path / "fused" / f"{name}.png").rename(tmp_path / "fused" / f"{name}_Ours.webp")  # content decides
    (found,) = matched_samples(f"tno@all={tmp_path / 'tno'}", tmp_path / "fused", "Ours")
    assert found[0] == name
    assert np.array_equal(found[1], fused)


def test_fused_images_are_matched_as_for_score(tmp_path: Path, samples: list[Sample]) -> None:
    name, fused, (a, b) = samples[0]
    for place, image in ((f"tno/ir/{name}", a), (f"tno/vi/{name}", b), (f"fused/deep/{name}_fused", fused)):
        write_png(tmp_path / f"{place}.png", image)
    source = f"tno@all={tmp_path / 'tno'}"
    (found,) = matched_samples(source, tmp_path / "fused", "Ours")
    assert np.array_equal(found[1], fused)
    write_png(tmp_path / f"fused/deep/{name}_fused.png", fused[:-1])
    with pytest.raises(DataError, match=f"sample {name}: sizes differ: .*{name}_fused.png is "):
        list(matched_samples(source, tmp_path / "fused", "Ours"))


@pytest.mark.parametrize("profile", ["metric-python", "ivif-zoo"])
def test_every_column_of_a_kit_is_named(profile: str) -> None:
    """A table as a kit prints it, four digits after the point, two images."""
    fused, a, b = (stack[:, 0].numpy() for stack in scenes(2, 164, 170))
    samples = [(f"{k:02}", fused[k], (a[k], b[k])) for k in range(2)]
    values = [evaluate(f, s, metrics="all", profile=profile).iloc[0] for _, f, s in samples]
    table = pd.DataFrame(
        [{"method": "Ours", "image": name, **v} for (name, *_), v in zip(samples, values, strict=True)]
    )
    table = table.drop(columns="CE", errors="ignore").round(4)  # no pixel is dark enough for CE
    heard: list[tuple[str, str]] = []
    comparison = reconcile(table, lambda method: samples, progress=lambda *what: heard.append(what))
    found = verdict(comparison).groupby("metric", sort=False)["candidate"].first().to_dict()
    assert len(found) == len(table.columns) - 2
    named = {metric: candidate.replace(" = ", "/").split("/") for metric, candidate in found.items()}
    assert {metric for metric, profiles in named.items() if profile not in profiles} == set()
    assert heard == [("Ours", "00"), ("Ours", "01")]


@pytest.mark.shared
@pytest.mark.parametrize("profile", ["metric-python", "ivif-zoo"])
def test_every_printed_value_of_the_original_kits_is_named(profile: str) -> None:
    """Values of the original programs on a real pair, to five digits."""
    entry = json.loads(shared_path("reference", "golden", "metrics_python_kits.json").read_text())
    name, facts = next(item for item in entry["triples"].items() if "mfifb_stand" in item[0])
    sample = [np.array(Image.open(shared_path("data", facts[role]))) for role in ("fused", "first", "second")]
    printed = {
        metric: float(f"{value:.5g}")
        for metric, value in facts["values"][profile].items()
        if not isinstance(value, dict)
    }
    table = pd.DataFrame([{"method": "Ours", **printed}])
    found = best(table, [(name, sample[0], sample[1:])])
    assert len(found) == len(printed)
    assert {metric for metric, text in found.items() if profile not in text.replace(" = ", "/").split("/")} == set()


def test_what_deviations_share_is_not_computed_again(samples: list[Sample]) -> None:
    """The values found with intermediates in common are those of separate calls."""
    name, fused, sources = samples[0]
    table = pd.DataFrame({"method": ["Ours"], "image": [name], "SSIM": [1.0], "VIF": [1.0], "Qabf": [1.0], "MI": [1.0]})
    found = reconcile(table, lambda method: samples[:1])
    exchanged = found[found.candidate.str.endswith("(sources exchanged)") & found.value.notna()]
    assert set(exchanged.metric) == {"SSIM", "VIF", "Qabf", "MI"}
    for _, row in exchanged.iterrows():
        profile = row.candidate.split(" ")[0].split("/")[0]
        direct = evaluate(fused, sources[::-1], metrics=row.metric, profile=profile).iloc[0, 0]
        assert row.value == pytest.approx(direct, rel=1e-9)


@pytest.mark.shared
def test_published_tno_values() -> None:
    """The published TNO sheet: SD of uint8 arithmetic, SF on 0..1, the rest as in tang."""
    root = shared_path("data", "fused_results")
    from fusionbench.images.decode import read_image

    paths = [
        root / "TNO" / "DenseFuse_TNO" / "02.png",
        *(root / "TNO_sources" / side / "02.png" for side in ("ir", "vi")),
    ]
    fused, *sources = (read_image(path).pixels for path in paths)
    printed = pd.read_csv(root / "published_metrics" / "TNO_Linfeng-Tang.csv", dtype={"image": str})
    table = printed[(printed["image"] == "02") & (printed["method"] == "DenseFuse")]
    wide = table.pivot_table(index=["image", "method"], columns="metric", values="value").reset_index()
    found = best(wide[["image", "method", "SD", "SF", "MI", "PSNR", "AG"]], [("02", fused, sources)])
    assert found["SD"] == "tang-published"
    assert found["SF"] == "tang-published"
    assert all("tang" in found[name] for name in ("MI", "PSNR", "AG"))


@pytest.mark.parametrize("value", ["abc", "-", "1e999"])
def test_what_is_no_number_is_named_with_its_place(samples: list[Sample], value: str) -> None:
    table = pd.DataFrame({"method": ["m"], "EN": [value]})
    with pytest.raises(DataError, match=f"'{value}'|inf.* for m in column 'EN'"):
        reconcile(table, lambda method: samples)


@pytest.mark.parametrize(
    "text",
    [
        *("a,b\n1,2\n", "method,metric,value\nx,EN,abc\n", "a\0b\n1\n", ""),
        "method,EN\nx,7,32\n",  # a decimal comma: no number may move into another column
        *("method;EN\nx;7,32\n", "method,EN,EN\nx,7.3,7.4\n", "method,EN\nx\n"),
    ],
)
def test_a_file_that_is_no_published_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"table\.csv"):
        read_table(path)


def test_what_columns_are_called_does_not_hang_on_case_and_blanks(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("Image, Method ,EN\n1,x,7.3\n2,x,\n", encoding="utf-8-sig")
    assert read_table(path).columns.tolist() == ["image", "method", "EN"]
    assert read_table(path)["EN"].isna().tolist() == [False, True]


def test_relatives_of_the_python_kit_are_named() -> None:
    """Halved similarities and a peak of 1, as one copy of the kit prints them."""
    fused, a, b = (image[0, 0].numpy() for image in scenes(1, 164, 170))
    sample = ("00", fused, (a, b))
    values = {name: measured([sample], name, "metric-python")[0] for name in ("SSIM", "MS-SSIM", "PSNR", "Nabf")}
    table = pd.DataFrame(
        {
            "method": ["Ours"],
            "SSIM": [values["SSIM"] / 2],
            "MS_SSIM": [values["MS-SSIM"] / 2],
            "PSNR": [values["PSNR"] - 20 * np.log10(255)],
            "Nabf": [values["Nabf"]],
        }
    )
    found = best(table, [sample])
    assert "metric-python/ivif-zoo (half" in found["SSIM"]
    assert "metric-python/ivif-zoo (half" in found["MS-SSIM"]
    assert "metric-python/ivif-zoo (peak 1 instead of 255)" in found["PSNR"]
    assert "metric-python" in found["Nabf"]
