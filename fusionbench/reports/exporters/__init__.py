"""One module for each format; each has ``render(table) -> str``."""
