# Written by python -m fusionbench.stubs from the names in __init__.py.
from fusionbench.training.config import TrainingConfig as TrainingConfig
from fusionbench.training.config import ValidationConfig as ValidationConfig
from fusionbench.training.config import read_section as read_section
from fusionbench.training.config import read_value as read_value
from fusionbench.training.loop import TrainingResult as TrainingResult
from fusionbench.training.loop import train as train
from fusionbench.training.recipe import Draw as Draw
from fusionbench.training.recipe import Part as Part
from fusionbench.training.recipe import Recipe as Recipe
