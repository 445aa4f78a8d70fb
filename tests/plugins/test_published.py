"""The published numbers that the suite ships."""

from __future__ import annotations

import csv

import pytest

from fusionbench.plugins import current_plugins
from fusionbench.reports.published import read_published
from tests.helpers.shared import shared_path

NAMES = ("film2024", "film2024-repository", "cddfuse2023", "film-nankai", "film-jia-zilong")


def table(name):
    return read_published(current_plugins().published[name])


@pytest.mark.parametrize(("name", "values", "datasets"), [(NAMES[0], 480, 8), (NAMES[1], 48, 8), (NAMES[2], 64, 5)])
def test_tables_are_complete(name, values, datasets):
    found = table(name)
    profile = "cddfuse" if name == "cddfuse2023" else "zhao"
    assert sum(key.endswith(f"@{profile}") for _, _, key in found.values) == values
    assert len(found.datasets) == datasets


def test_a_few_values_as_printed():
    film, repository, cddfuse = map(table, NAMES[:3])
    assert film.values["FILM", "msrs", "EN@zhao"] == 6.72
    assert film.values["FILM", "lytro", "Qabf@zhao"] == 0.74
    assert film.values["GeSeNet", "harvard", "VIF@zhao"] == 0.76
    assert repository.values["FILM", "msrs", "SD@zhao"] == 43.64
    assert cddfuse.values["CDDFuse", "tno", "SSIM@cddfuse"] == 1.03
    assert ("CDDFuse", "tno", "SSIM@zhao") not in cddfuse.values
    assert cddfuse.values["CDDFuse", "tno", "EN@zhao"] == cddfuse.values["CDDFuse", "tno", "EN@cddfuse"] == 7.12
    assert cddfuse.values["CDDFuse_MIF", "harvard-spect", "VIF@zhao"] == 0.97
    assert film.pairs == {"msrs": 361}
    assert cddfuse.pairs["roadscene"] == 50


def test_values_of_two_more_repositories_stand_under_their_profiles():
    nankai, jia = table("film-nankai"), table("film-jia-zilong")
    printed = {"EN": 6.856, "MI": 3.028, "SF": 13.483, "AG": 4.363, "SD": 37.574, "PSNR": 57.512, "Qabf": 0.566}
    assert nankai.values == {("FILM", "msrs", f"{name}@metric-python"): value for name, value in printed.items()}
    assert nankai.pairs == {"msrs": 361}
    assert jia.values["FILM", "mefb", "VIF@zhao"] == 1.52
    assert jia.pairs == {}


def test_every_printed_data_set_is_one_of_ours():
    known = current_plugins().datasets
    assert {dataset for name in NAMES for dataset in table(name).datasets} <= set(known)


def test_rows_of_tables_without_numbers_are_methods_of_ours():
    published = current_plugins().published
    rows = {name: published[name].rows for name in NAMES if published[name].rows}
    assert list(rows) == ["film2024"]
    assert set(rows["film2024"]["5"]) <= set(current_plugins().methods)
    assert not set(rows["film2024"]) & set(table("film2024").tables)


def test_every_printed_metric_is_one_of_ours():
    known = current_plugins().metrics
    assert {key for name in NAMES for _, _, key in table(name).values} <= set(known)


@pytest.mark.shared
@pytest.mark.parametrize(("file", "names"), [("film2024.csv", NAMES[:2]), ("cddfuse2023.csv", NAMES[2:3])])
def test_they_are_the_numbers_of_the_reference(file, names):
    def numbers(path):
        with path.open(encoding="utf-8", newline="") as lines:
            return sorted(tuple(record.items()) for record in csv.DictReader(lines))

    specs = [current_plugins().published[name] for name in names]
    shipped = sorted(row for spec in specs for row in numbers(spec.path))
    assert shipped == numbers(shared_path("reference", "published", file))
