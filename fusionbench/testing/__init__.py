"""The kit with which plugins are tested: their contracts, held against tiny synthetic samples.

In the tests of a plugin::

    from fusionbench.testing import assert_contract


    def test_the_method_keeps_its_contract():
        assert_contract("mine")

``fusionbench check mine`` prints the same as a table. Samples to test with are made by :func:`sample` and
:func:`picture`.
"""

from fusionbench.testing.checking import assert_contract, check
from fusionbench.testing.findings import ContractError, Finding, Report
from fusionbench.testing.samples import picture, sample, sizes

__all__ = ["ContractError", "Finding", "Report", "assert_contract", "check", "picture", "sample", "sizes"]
