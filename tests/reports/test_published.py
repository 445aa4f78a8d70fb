"""Reading published tables: what is accepted, renamed and refused."""

from __future__ import annotations

import pytest

from fusionbench.reports.published import read_published
from fusionbench.types import DataError, PublishedSpec

GOOD = "source,table,task,dataset,method,EN,SSIM\nPaper,1,IVF,Road,A,7.1,0.98\nPaper,1,IVF,Road,B,,0.9\n"


def spec(tmp_path, text, **facts):
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return PublishedSpec(name="paper", path=path, **facts)


def test_names_are_ours_and_empty_cells_are_absent(tmp_path):
    table = read_published(
        spec(
            tmp_path,
            GOOD,
            datasets={"Road": "roadscene"},
            methods={"A": "a"},
            metrics={"SSIM": ("SSIM_2",)},
            pairs={"Road": 50},
        )
    )
    assert table.values == {
        ("a", "roadscene", "EN@zhao"): 7.1,
        ("a", "roadscene", "SSIM_2@zhao"): 0.98,
        ("B", "roadscene", "SSIM_2@zhao"): 0.9,
    }
    assert table.methods == {"a": "A", "B": "B"}
    assert table.pairs == {"roadscene": 50}
    assert table.source == "Paper"
    assert table.datasets == ["roadscene"]


def test_a_metric_may_belong_to_other_profiles(tmp_path):
    table = read_published(spec(tmp_path, GOOD, metrics={"SSIM": ("SSIM@tang", "SSIM")}))
    assert table.values["A", "Road", "SSIM@tang"] == table.values["A", "Road", "SSIM@zhao"] == 0.98


def test_a_byte_order_mark_and_windows_lines_are_harmless(tmp_path):
    text = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert len(read_published(spec(tmp_path, text)).values) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("dataset,method,EN\n", "lacks task"),
        ("task,dataset,method\n", "names no metric"),
        ("task,dataset,method,EN,EN\n", "column 'EN' twice"),
        ("task,dataset,method,EN\nIVF,Road,A\n", "line 2: 3 fields"),
        ("task,dataset,method,EN\nXYZ,Road,A,1\n", "line 2: task 'XYZ'"),
        ("task,dataset,method,EN\nIVF,Road,A,high\n", "line 2, column EN: 'high'"),
        ("task,dataset,method,EN\nIVF,Road,A,nan\n", "not a finite number"),
        ("task,dataset,method,EN\nIVF,Road,A,1\nIVF,Road,A,2\n", "line 3: A stands twice"),
        (b"task,dataset,method,EN\nIVF,Road,\xff,1\n", "cannot be read: it is not UTF-8"),
        (f"task,dataset,method,EN\nIVF,Road,{'a' * 200_000},1\n", r"table\.csv, line 2 cannot be read: field larger"),
    ],
)
def test_damaged_tables_are_refused_with_the_place(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_published(spec(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv"):
        read_published(PublishedSpec(name="paper", path=tmp_path / "absent.csv"))
