"""Where :mod:`fusionbench.weights.checkpoints` was; plugins that import it from here go on."""

from fusionbench.weights.checkpoints import load_into, read_state_dict

__all__ = ["load_into", "read_state_dict"]
