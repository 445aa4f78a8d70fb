"""A real browser, for what only one shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.helpers.machine import program

if TYPE_CHECKING:
    from playwright.sync_api import Page


@contextmanager
def opened(page: Path, *, scheme: Literal["light", "dark"] = "light") -> Iterator[Page]:
    """A page opened from the disk in a headless Chromium; fails if it complained on its console, or asked the network.

    Skips where there is none.
    """
    chromium = program("chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    said: list[str] = []
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_context(color_scheme=scheme, viewport={"width": 1200, "height": 900}).new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on(
            "request",
            lambda request: said.append(request.url) if not request.url.startswith(("file:", "data:")) else None,
        )
        tab.goto(page.as_uri())
        yield tab
        browser.close()
    assert said == []
