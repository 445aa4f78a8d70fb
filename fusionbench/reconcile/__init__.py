"""Which convention a published number used.

* :func:`reconcile` compares numbers with every definition and common deviation; :func:`verdict` sums up;
* ``published`` reads tables and finds the images that they speak of; ``deviations`` lists the departures known.
"""

from fusionbench.reconcile.published import fused_folders, read_table, reconcile_folders
from fusionbench.reconcile.search import Candidate, Sample, reconcile, verdict

__all__ = ["Candidate", "Sample", "fused_folders", "read_table", "reconcile", "reconcile_folders", "verdict"]
