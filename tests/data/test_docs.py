"""``docs/datasets.md`` says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from fusionbench.data import open_dataset
from fusionbench.plugins import current_plugins, load_plugins
from tests.helpers.pictures import tree

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def test_the_table_names_every_data_set_with_its_splits() -> None:
    told = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            names, *_, splits = line.strip("| ").split("|")
            for name in re.findall(r"`([^`]+)`", names):
                told[name] = [split.strip() for split in re.sub(r"\([^)]*\)", "", splits).split(",")]
    registered = {name: list(spec.splits) for name, spec in current_plugins().datasets.items() if spec.needs_root}
    assert told == registered


def test_the_plugin_works_as_printed(tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    plugin = tmp_path / "my_data.py"
    plugin.write_text(source, encoding="utf-8")
    load_plugins([str(plugin)])
    tree(tmp_path / "Mine", "thermal/1.png", "rgb/1.png")
    assert [sample.id for sample in open_dataset("mine", data_root=tmp_path).samples] == ["1"]
