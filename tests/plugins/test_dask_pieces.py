"""What becomes of work whose worker has died; what tells a worker that it may take part."""

from __future__ import annotations

import dataclasses
import itertools
import random
from pathlib import Path

import pytest

from fusionbench.plugins import current_plugins
from fusionbench.results.records import FusionRecord
from fusionbench.runs.config import DatasetRequest, MethodRequest, RunConfig
from fusionbench.runs.events import Outcome
from fusionbench.runs.units import Job, Unit
from fusionbench.types import UsageError
from fusionbench_dask.crew import Crew, Worker
from fusionbench_dask.inspection import Inspection, visible
from fusionbench_dask.inspector import Inspector
from fusionbench_dask.pieces import Pieces
from fusionbench_dask.premises import Premises, code_of, differences, versions
from fusionbench_dask.settings import Settings
from tests.helpers.workshop import FUSES, Workshop, method


def unit(count: int, name: str = "m") -> Unit:
    jobs = tuple(Job(method=name, sample=f"{i:03}", fusion=f"{name}{i}", image=None, metrics=()) for i in range(count))
    return Unit(dataset="d", jobs=jobs)


def done(job: Job) -> Outcome:
    return Outcome(job.method, job.sample, FusionRecord(key=job.fusion, status="ok"))


def work(pieces: Pieces, killers: set[str], *, tells: bool = True, spare: float = 0.0, seed: int = 0) -> dict[str, str]:
    """Work until all is done: workers die of the killers and at random; what they had finished they tell, or do not."""
    dice = random.Random(seed)
    found: dict[str, str] = {}
    for step in itertools.count():
        assert step < 10_000
        if pieces.finished:
            return found
        number, handed = pieces.take()
        events: list[tuple[Unit, Outcome]] = []
        told: list[Outcome] = []
        for job in handed.jobs:
            if job.fusion in killers or dice.random() < spare:
                for outcome in told if tells else ():
                    events += pieces.outcome(number, outcome)
                events += pieces.lost(number, "died")
                break
            told.append(done(job))
        else:
            for outcome in told:
                events += pieces.outcome(number, outcome)
            events += pieces.returned(number)
        for _, outcome in events:
            assert outcome.record.key not in found
            found[outcome.record.key] = outcome.record.status


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("killers", [set(), {"m3"}, {"m0", "m6"}, {"m0", "m1", "m2", "m3", "m4", "m5", "m6"}])
def test_only_samples_that_kill_are_failed(killers: set[str], tells: bool) -> None:
    found = work(Pieces([unit(7)]), killers, tells=tells)
    assert found == {f"m{i}": "failed" if f"m{i}" in killers else "ok" for i in range(7)}


@pytest.mark.parametrize("seed", range(5))
def test_workers_that_die_at_random_cost_no_sample_that_is_told_as_it_is_finished(seed: int) -> None:
    found = work(Pieces([unit(20, "a"), unit(1, "b")]), set(), spare=0.08, seed=seed)
    assert set(found.values()) == {"ok"}
    assert len(found) == 21


def test_a_single_sample_is_tried_three_times() -> None:
    pieces = Pieces([unit(1)])
    for _ in range(2):
        assert [*pieces.lost(pieces.take()[0], "died")] == []
    [(_, outcome)] = pieces.lost(pieces.take()[0], "died")
    assert (outcome.record.status, outcome.record.error) == ("failed", "died")
    assert pieces.finished


def test_what_was_told_before_and_what_comes_late_counts_once() -> None:
    pieces = Pieces([unit(2)])
    number, handed = pieces.take()
    first, second = handed.jobs
    assert len([*pieces.outcome(number, done(first))]) == 1
    assert [*pieces.outcome(number, done(first))] == []
    assert [*pieces.lost(number, "died")] == []
    assert [*pieces.outcome(number, done(second))] == []
    again, rest = pieces.take()
    assert rest.jobs == (second,)
    pieces.put_back(again)
    last, _ = pieces.take()
    [(_, outcome)] = pieces.returned(last)
    assert outcome.record.status == "failed"
    assert pieces.finished


def test_a_worker_that_comes_back_at_its_address_is_another_one() -> None:
    def meet(found: dict[str, dict[str, object]]) -> list[Worker]:
        lost = crew.meet(found)
        for worker in crew.present.values():
            worker.able = True
        return lost

    crew = Crew()
    facts: dict[str, object] = {"id": "a", "host": "one", "nthreads": 2}
    assert meet({"tcp://1": facts, "tcp://2": {**facts, "id": "b"}}) == []
    assert sorted(worker.number for worker in crew.usable()) == [1, 2]
    [lost] = meet({"tcp://1": {**facts, "id": "c"}, "tcp://2": {**facts, "id": "b"}})
    assert lost.identity == "a"
    assert sorted(worker.number for worker in crew.usable()) == [1, 2]
    crew.present["tcp://2"].refused = "other code"
    assert [worker.identity for worker in crew.usable()] == ["c"]
    crew.present["tcp://1"].able = False  # nothing is known of it yet
    assert crew.usable() == []


@pytest.fixture
def planned(tmp_path: Path) -> tuple[RunConfig, Premises]:
    """A run of one method, and what its results rest on."""
    settings = Workshop(tmp_path)(
        method(FUSES) + "\nif os.environ.get('ELSEWHERE'):\n    raise OSError('no such disk')\n"
    )
    config = RunConfig(
        methods=(MethodRequest(name="mine"),),
        datasets=(DatasetRequest.parse(str(settings["datasets"])),),
        plugins=tuple(settings["plugins"]),  # type: ignore[arg-type]  # of plain settings
        out=str(tmp_path / "run"),
    ).located()
    identities = Inspection(config, current_plugins()).identities()
    return config, premises(config=config.to_yaml(), folder=config.out, identities=identities)


def written(folder: Path, config: RunConfig, facts: Premises) -> Path:
    (folder / "config.yaml").write_text(config.to_yaml())
    (folder / "premises.json").write_text(facts.to_json())
    return folder


def test_a_machine_with_the_same_takes_part(planned: tuple[RunConfig, Premises], tmp_path: Path) -> None:
    config, facts = planned
    Inspection(config, current_plugins()).admit(facts)
    inspector = Inspector(written(tmp_path, config, facts))
    try:
        assert inspector.facts["device"] in ("cpu", "cuda")
        assert inspector.facts["plugins"]["workshop"] == config.plugins[0]
        assert not inspector.facts["shared"], "nobody has left a mark in the run folder"
        jobs = (Job(method="mine", sample="001", fusion="another", image=None, metrics=()),)
        found = inspector.inspect(Unit(dataset="pairs", jobs=jobs))
        assert found["others"] == ["another"]
        assert len(found["stamps"]["001"]) == 2
    finally:
        inspector.close()


def test_a_machine_that_cannot_load_a_plugin_says_why(
    planned: tuple[RunConfig, Premises], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSEWHERE", "1")
    with pytest.raises(UsageError, match="no such disk"):
        Inspector(written(tmp_path, *planned))


def test_a_machine_with_another_method_says_which(planned: tuple[RunConfig, Premises]) -> None:
    config, facts = planned
    inspection = Inspection(config, current_plugins())
    with pytest.raises(UsageError, match="mine has another version, other options, weights or code there"):
        inspection.admit(dataclasses.replace(facts, identities={"mine": {"pairs": "0"}}))
    with pytest.raises(UsageError, match="other cannot be run on pairs there"):
        inspection.admit(dataclasses.replace(facts, identities={"other": {"pairs": "0"}}))


def test_a_run_folder_is_the_same_where_its_mark_is_seen(tmp_path: Path) -> None:
    facts = premises(folder=str(tmp_path), run="abc")
    assert not visible(facts)
    facts.marker.write_text("abc")
    assert visible(facts)
    assert not visible(dataclasses.replace(facts, pictures="returned"))
    with pytest.raises(UsageError, match="not to be seen there"):
        visible(dataclasses.replace(facts, pictures="shared", folder=str(tmp_path / "elsewhere")))


def premises(**changes: object) -> Premises:
    facts = {
        "run": "r", "config": "", "folder": "/f", "pictures": "auto", "versions": versions(),
        "code": code_of(current_plugins()), "identities": {},
    }  # fmt: skip
    return Premises(**{**facts, **changes})


def test_premises_are_text_and_name_what_differs() -> None:
    ours = premises()
    assert Premises.from_json(ours.to_json()) == ours
    assert {"fusionbench", "dask", "classic"} <= {*ours.code}
    assert [*differences(ours, ours.versions, ours.code)] == []
    older = {**ours.versions, "torch": "1.0"}
    [line] = differences(ours, older, ours.code)
    assert line == f"torch is 1.0 there and {ours.versions['torch']} where the run was planned"
    edited = {**ours.code, "classic": "0", "fusionbench": "0"}
    assert {*differences(ours, ours.versions, edited)} == {
        "fusionbench has other code there",
        "plugin classic has other code there",
    }
    without = {name: digest for name, digest in ours.code.items() if name != "dask"}
    assert [*differences(ours, ours.versions, without)] == ["plugin dask is not there"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"address": "tcp://a", "scheduler_file": "f"}, "either address or scheduler_file"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"cores": 0}, "cores must be at least 1"),
        ({"address": "tcp://a", "cores": 2}, "cores cannot be set for a cluster that is there"),
        ({"queue": "long", "walltime": "01:00"}, "walltime, queue cannot be set for cluster=local"),
    ],
)
def test_settings_that_do_not_go_together(given: dict[str, object], message: str) -> None:
    plain = dict.fromkeys(
        ("address", "scheduler_file", "cores", "memory", "walltime", "queue", "account", "interface", "python")
    )
    with pytest.raises(UsageError, match=message):
        Settings(**{**plain, "cluster": "local", "workers": 1, "directives": (), "prologue": (), **given})
