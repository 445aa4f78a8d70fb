"""What the suite's own classes claim to be, assigned to it: the type checker proves the signatures, the tests that
nothing is left out.

A method takes part in what is optional by defining a name, so a misspelt one would be silent. Here each optional part
lists the classes that have it.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import pytest

from fusionbench.cli.progress import LiveWatcher, PlainWatcher
from fusionbench.data.dataset import FileDataset
from fusionbench.data.layouts import FolderPerScene, FolderPerSide, Layout, OneFolder, Parts, Patterns, Stacks
from fusionbench.data.opening import _Adjusted
from fusionbench.fusing.cost import Cost
from fusionbench.methods.decorator import FunctionMethod
from fusionbench.plugins import current_plugins
from fusionbench.plugins.options import HasOptions
from fusionbench.reports.costs import MeasuredCost
from fusionbench.reports.from_runs import RunResult
from fusionbench.results import RunResults
from fusionbench.runs import Run
from fusionbench.runs.opening import OpenedDataset
from fusionbench.runs.watching import SilentWatcher, Watcher
from fusionbench.training.recipe import TrainingData
from fusionbench.types import (
    OPTIONAL_PARTS,
    ChecksWeights,
    Dataset,
    DatasetSpec,
    Finishes,
    HasNetwork,
    LoadsUntrained,
    Method,
    MethodSpec,
    Prepares,
    ReadsGray,
    RunView,
    SavesImages,
    SeesWholeImages,
    Task,
    TellsLacking,
    resolve,
)
from fusionbench_cddfuse.method import CDDFuse
from fusionbench_datfuse.network import DATFuseMethod
from fusionbench_ddfm.method import DDFM
from fusionbench_defusion.method import DeFusion
from fusionbench_film.ablation import FilmWithoutText
from fusionbench_film.method import FilmMethod
from fusionbench_film.training_data import TrainingPairs
from fusionbench_gesenet.method import GeSeNetMethod
from fusionbench_gifnet.network import GIFNetMethod
from fusionbench_ifcnn.network import IFCNNMethod
from fusionbench_lrrnet.network import LRRNetMethod
from fusionbench_matr.network import MATRMethod
from fusionbench_mefnet.network import MEFNetMethod
from fusionbench_metafusion.method import MetaFusion
from fusionbench_mufusion.method import MUFusionMethod
from fusionbench_murf.network import MURFMethod
from fusionbench_precomputed.method import Precomputed
from fusionbench_refusion.method import ReFusionMethod
from fusionbench_sage.network import SAGEMethod
from fusionbench_sdnet.network import SDNetMethod
from fusionbench_seafusion.network import SeAFusionMethod
from fusionbench_segmif.method import SegMIF
from fusionbench_sesf_fuse.method import SESFFuseMethod
from fusionbench_stackmff_v2.method import StackMFFV2Method
from fusionbench_stackmff_v4.method import StackMFFV4Method
from fusionbench_tardal.method import TarDAL
from fusionbench_textfusion.method import TextFusionMethod
from fusionbench_u2fusion.network import U2FusionMethod
from fusionbench_ydtr.network import YDTRMethod

METHODS: tuple[type[Method], ...] = (
    CDDFuse,
    DATFuseMethod,
    DDFM,
    DeFusion,
    FilmMethod,
    FilmWithoutText,
    FunctionMethod,
    GIFNetMethod,
    GeSeNetMethod,
    IFCNNMethod,
    LRRNetMethod,
    MATRMethod,
    MEFNetMethod,
    MUFusionMethod,
    MURFMethod,
    MetaFusion,
    Precomputed,
    ReFusionMethod,
    SAGEMethod,
    SDNetMethod,
    SESFFuseMethod,
    SeAFusionMethod,
    SegMIF,
    StackMFFV2Method,
    StackMFFV4Method,
    TarDAL,
    TextFusionMethod,
    U2FusionMethod,
    YDTRMethod,
)

HAS_NETWORK: tuple[type[HasNetwork], ...] = (
    CDDFuse,
    DATFuseMethod,
    DDFM,
    DeFusion,
    FilmMethod,
    FilmWithoutText,
    GIFNetMethod,
    GeSeNetMethod,
    IFCNNMethod,
    LRRNetMethod,
    MATRMethod,
    MEFNetMethod,
    MUFusionMethod,
    MURFMethod,
    MetaFusion,
    ReFusionMethod,
    SAGEMethod,
    SDNetMethod,
    SESFFuseMethod,
    SeAFusionMethod,
    SegMIF,
    StackMFFV2Method,
    StackMFFV4Method,
    TarDAL,
    TextFusionMethod,
    U2FusionMethod,
    YDTRMethod,
)

FINISHES: tuple[type[Finishes], ...] = (
    CDDFuse,
    DATFuseMethod,
    DDFM,
    DeFusion,
    FilmMethod,
    FilmWithoutText,
    GeSeNetMethod,
    IFCNNMethod,
    LRRNetMethod,
    MATRMethod,
    MEFNetMethod,
    MUFusionMethod,
    MURFMethod,
    MetaFusion,
    ReFusionMethod,
    SAGEMethod,
    SDNetMethod,
    SeAFusionMethod,
    SegMIF,
    U2FusionMethod,
    YDTRMethod,
)

PREPARES: tuple[type[Prepares], ...] = (
    FilmMethod,
    FilmWithoutText,
    Precomputed,
)

TELLS_LACKING: tuple[type[TellsLacking], ...] = (
    FilmMethod,
    FilmWithoutText,
)

LOADS_UNTRAINED: tuple[type[LoadsUntrained], ...] = (
    CDDFuse,
    DATFuseMethod,
    DDFM,
    DeFusion,
    FilmMethod,
    FilmWithoutText,
    GIFNetMethod,
    GeSeNetMethod,
    IFCNNMethod,
    LRRNetMethod,
    MATRMethod,
    MEFNetMethod,
    MUFusionMethod,
    MURFMethod,
    MetaFusion,
    ReFusionMethod,
    SAGEMethod,
    SDNetMethod,
    SESFFuseMethod,
    SeAFusionMethod,
    SegMIF,
    StackMFFV2Method,
    StackMFFV4Method,
    TarDAL,
    TextFusionMethod,
    U2FusionMethod,
    YDTRMethod,
)

SEES_WHOLE_IMAGES: tuple[type[SeesWholeImages], ...] = (
    MetaFusion,
    TarDAL,
)

READS_GRAY: tuple[type[ReadsGray], ...] = (
    GIFNetMethod,
    LRRNetMethod,
)

SAVES_IMAGES: tuple[type[SavesImages], ...] = (GIFNetMethod,)

CHECKS_WEIGHTS: tuple[type[ChecksWeights], ...] = (SegMIF,)

PARTS: dict[Any, tuple[type, ...]] = {
    HasNetwork: HAS_NETWORK,
    Finishes: FINISHES,
    Prepares: PREPARES,
    TellsLacking: TELLS_LACKING,
    LoadsUntrained: LOADS_UNTRAINED,
    SeesWholeImages: SEES_WHOLE_IMAGES,
    ReadsGray: READS_GRAY,
    SavesImages: SAVES_IMAGES,
    ChecksWeights: CHECKS_WEIGHTS,
}

DATASETS: tuple[type[Dataset], ...] = (FileDataset, OpenedDataset, _Adjusted)
LAYOUTS: tuple[type[Layout], ...] = (FolderPerScene, FolderPerSide, OneFolder, Parts, Patterns, Stacks)
WATCHERS: tuple[type[Watcher], ...] = (SilentWatcher, PlainWatcher, LiveWatcher)
RUN_VIEWS: tuple[type[RunView], ...] = (RunResults, Run)
RUN_RESULTS: tuple[type[RunResult], ...] = (RunResults, Run)
COSTS: tuple[type[MeasuredCost], ...] = (Cost,)
WITH_OPTIONS: tuple[type[HasOptions], ...] = (MethodSpec, DatasetSpec)
TRAINING_DATA: tuple[type[TrainingData], ...] = (TrainingPairs,)


def registered() -> Sequence[type]:
    """The classes that are factories of methods; what else is one makes a :class:`FunctionMethod`."""
    plugins = current_plugins()
    factories = [resolve(plugins.methods[name].factory) for name in plugins.methods]
    return list(dict.fromkeys(factory for factory in factories if inspect.isclass(factory)))


def sets(cls: type, name: str) -> bool:
    """Whether objects of a class have an attribute that their methods set."""
    source = "".join(inspect.getsource(base) for base in cls.__mro__[:-1])
    return f"self.{name} = " in source


def members(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


def test_every_registered_class_is_assigned_to_method() -> None:
    assert {*registered()} | {FunctionMethod} == {*METHODS}


def test_every_optional_part_is_listed() -> None:
    assert {*PARTS} == {*OPTIONAL_PARTS}


@pytest.mark.parametrize("part", OPTIONAL_PARTS, ids=lambda part: part.__name__)
def test_the_classes_that_have_a_part_are_those_assigned_to_it(part: type) -> None:
    (name,) = members(part)
    having = {cls for cls in METHODS if hasattr(cls, name) or sets(cls, name)}
    assert having == {*PARTS[part]}


def test_what_a_method_adds_under_a_near_name_is_a_mistake() -> None:
    """A part that is misspelt would never be called."""
    known = {name for part in OPTIONAL_PARTS for name in members(part)}
    for cls in METHODS:
        for name in vars(cls):
            squeezed = name.strip("_").replace("_", "").lower()
            assert name in known or squeezed not in {other.replace("_", "") for other in known}, f"{cls}.{name}"


@pytest.mark.parametrize("protocol", [Method, *OPTIONAL_PARTS], ids=lambda protocol: protocol.__name__)
def test_every_part_says_what_it_is_and_when_it_is_called(protocol: type) -> None:
    assert inspect.getdoc(protocol)
    for name in members(protocol):
        assert inspect.getdoc(vars(protocol)[name]), name


def test_a_data_set_under_another_name_is_a_data_set() -> None:
    inner = FileDataset(name="pairs", task=Task.IVF, samples=(), problems=(), root=None, split="test")
    labelled = _Adjusted("mine", inner, inner.samples)
    assert isinstance(labelled, Dataset)
    # Not through __getattr__, which isinstance does not ask from Python 3.12 on.
    assert all(inspect.getattr_static(labelled, name, None) is not None for name in members(Dataset))
    assert (labelled.name, labelled.task, labelled.samples, labelled.split) == ("mine", Task.IVF, (), "test")


def test_a_part_that_an_option_turned_off_is_none() -> None:
    gifnet = GIFNetMethod(output="plain")
    assert isinstance(gifnet, ReadsGray)
    assert gifnet.read_gray is None
    assert gifnet.save is None
