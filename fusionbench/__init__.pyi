# Written by python -m fusionbench.stubs from the names in __init__.py.
from fusionbench import metrics as metrics
from fusionbench.api import compare as compare
from fusionbench.api import get_dataset as get_dataset
from fusionbench.api import get_method as get_method
from fusionbench.api import load_run as load_run
from fusionbench.api import run as run
from fusionbench.api import score as score
from fusionbench.catalogue import get_metric as get_metric
from fusionbench.catalogue import list_datasets as list_datasets
from fusionbench.catalogue import list_methods as list_methods
from fusionbench.catalogue import list_metrics as list_metrics
from fusionbench.hookspecs import hookimpl as hookimpl
from fusionbench.methods import method as method
from fusionbench.types import Batch as Batch
from fusionbench.types import Citation as Citation
from fusionbench.types import Dataset as Dataset
from fusionbench.types import DatasetSpec as DatasetSpec
from fusionbench.types import FusionBenchError as FusionBenchError
from fusionbench.types import Method as Method
from fusionbench.types import MethodSpec as MethodSpec
from fusionbench.types import MetricSpec as MetricSpec
from fusionbench.types import Option as Option
from fusionbench.types import Sample as Sample
from fusionbench.types import Task as Task
from fusionbench.types import WeightSpec as WeightSpec

__version__: str
