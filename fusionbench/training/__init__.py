"""The training loop that all learned methods share.

A method takes part by giving :attr:`fusionbench.MethodSpec.trainer`, a callable

    ``trainer(config: Mapping[str, Any], training: TrainingConfig) -> Recipe``

where ``config`` holds the sections of the YAML file that are the method's own. The
:class:`Recipe` says what is trained on which data with which losses; the loop here does the rest:
devices and precision, order of the samples, clipping, averaging, logging, validation, checkpoints
and exact resume.
"""

from fusionbench.lazy import names

__getattr__, __dir__, __all__ = names(
    __name__,
    {
        "config": ("TrainingConfig", "ValidationConfig", "read_section", "read_value"),
        "loop": ("TrainingResult", "train"),
        "recipe": ("Draw", "Part", "Recipe"),
    },
)
