"""The table formats that the harness brings, through the same hook as everybody's."""

from __future__ import annotations

from fusionbench.types import ExporterSpec


def fusionbench_exporters() -> list[ExporterSpec]:
    """LaTeX, Markdown, CSV, HTML, JSON and Excel."""
    return [
        ExporterSpec(
            name="latex",
            render="fusionbench.reports.exporters.latex:render",
            suffix=".tex",
            summary="booktabs table; compiles as it is and can be \\input into a paper",
        ),
        ExporterSpec(
            name="markdown",
            render="fusionbench.reports.exporters.markdown:render",
            suffix=".md",
            summary="pipe table for read-mes and issues",
        ),
        ExporterSpec(
            name="csv",
            render="fusionbench.reports.exporters.csv:render",
            suffix=".csv",
            summary="unrounded means for spreadsheets and programs",
        ),
        ExporterSpec(
            name="html",
            render="fusionbench.reports.exporters.html:render",
            suffix=".html",
            summary="one self-contained page",
        ),
        ExporterSpec(
            name="json",
            render="fusionbench.reports.exporters.json:render",
            suffix=".json",
            summary="everything a table knows, for programs",
        ),
        ExporterSpec(
            name="xlsx",
            render="fusionbench.reports.exporters.xlsx:render",
            suffix=".xlsx",
            summary="Excel workbook with numbers as numbers; needs the extra xlsx",
        ),
    ]
