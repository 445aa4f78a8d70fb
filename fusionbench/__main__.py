"""``python -m fusionbench``: the same as the command, which Python starts without the current folder in its path."""

import sys

from fusionbench.importing import search_path

sys.path[:] = search_path()[0]

from fusionbench.cli import main  # noqa: E402

main()
