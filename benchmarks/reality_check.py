"""Methods with their authors' weights on real data, beside the rows that the FILM paper printed for them.

Every method is run twice, with what its official script does on saving (``official``) and without (``plain``), since
that moves the numbers most. Weights are looked for as always (``FUSIONBENCH_WEIGHTS``); a data set that is absent
is left out.

    python benchmarks/reality_check.py --data-root DATA --out runs/reality [--limit N] [--dataset NAME]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

import fusionbench as fb
from fusionbench.plugins import current_plugins
from fusionbench.runs import MethodRequest
from fusionbench.types import DataError

CHECKS = {
    "roadscene": ("sdnet", "lrrnet"),
    "mefb": ("ifcnn", "sdnet", "u2fusion"),
    "lytro": ("sdnet", "u2fusion"),
    "harvard": ("matr", "sdnet", "u2fusion"),
}
METRICS = ("EN", "SD", "SF", "AG", "VIF", "Qabf")
PUBLISHED = "film2024"


def measured(dataset: str, data_root: Path, out: Path, limit: int | None) -> pd.DataFrame:
    """Mean values, one row for each method and output."""
    methods = [
        MethodRequest(name=name, label=f"{name}-{output}", options={"output": output})
        for name in CHECKS[dataset]
        for output in ("official", "plain")
    ]
    run = fb.run(
        methods, dataset, data_root=str(data_root), out=str(out / dataset), metrics=METRICS, limit=limit, images=False
    )
    frame = run.frame()
    return frame[frame.status == "ok"].pivot_table(index="method", columns="metric", values="value")[list(METRICS)]


def published(dataset: str) -> pd.DataFrame:
    """The printed rows of the methods that are checked on a data set."""
    spec = current_plugins().published[PUBLISHED]
    table = pd.read_csv(spec.path)
    names = {ours: printed for printed, ours in spec.datasets.items()}
    rows = table[table.dataset == names.get(dataset, dataset)]
    wanted = {current_plugins().methods[name].title for name in CHECKS[dataset]}
    rows = rows[rows.method.isin(wanted)].set_index("method")[list(METRICS)]
    return rows.rename(index=lambda name: f"{name.lower()}-published")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/reality"))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--dataset", action="append", choices=CHECKS)
    arguments = parser.parse_args()
    for dataset in arguments.dataset or CHECKS:
        try:
            ours = measured(dataset, arguments.data_root, arguments.out, arguments.limit)
        except DataError as error:
            print(f"{dataset}: {error}\n")
            continue
        both = pd.concat([ours, published(dataset)]).sort_index()
        print(f"{dataset}\n{both.round(2).to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
