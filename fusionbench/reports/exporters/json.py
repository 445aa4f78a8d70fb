"""JSON with everything a table knows."""

from __future__ import annotations

import json

from fusionbench.reports.caption import caption, notes
from fusionbench.reports.model import Table

FORMAT = "fusionbench-table/1"


def render(table: Table) -> str:
    """One object: caption facts, data sets with their metrics, methods, and a flat list of cells."""
    content = {
        "format": FORMAT,
        "fusionbench": table.info.version,
        "profiles": table.profiles,
        "colour": table.info.colour,
        "runs": table.info.runs,
        "caption": caption(table),
        "notes": notes(table),
        "datasets": [
            {
                "name": group.dataset,
                "title": group.title,
                "task": group.task,
                "pairs": group.pairs,
                "metrics": [
                    {"key": metric.key, "label": metric.label, "higher_is_better": metric.higher_is_better}
                    for metric in group.metrics
                ],
            }
            for group in table.groups
        ],
        "spread": table.spread,
        "data_digests": dict(table.info.data),
        "methods": [
            {"key": row.key, "title": row.title, "published": row.published or None, "remarks": row.remarks}
            for row in table.rows
        ],
        "cells": [
            {
                "method": row.key,
                "dataset": group.dataset,
                "metric": metric.key,
                "mean": cell.mean,
                "spread": cell.spread,
                "tied": cell.tied,
                "n": cell.n,
                "expected": cell.expected,
                "rank": cell.rank,
            }
            for row in table.rows
            for group in table.groups
            for metric in group.metrics
            if (cell := table.cell(row, group, metric))
        ],
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
