"""Static pages over results: the report of runs, the leaderboard of many people's."""

from typing import Literal, get_args

Quality = Literal["preview", "exact", "none"]
"""Of a report's pictures: WebP without visible loss, PNG with the pixels as they are, or no pictures."""
QUALITIES: tuple[str, ...] = get_args(Quality)
