"""Rows shared out among threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from fusionbench.nn import bands
from fusionbench.nn.bands import by_rows, row_ranges, together


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("height", [1, 16, 31, 32, 100, 1001])
def test_ranges_follow_each_other_and_are_no_narrower_than_worth_it(threads: int, height: int) -> None:
    ranges = row_ranges(height, torch.device("cpu"))
    assert [row for start, stop in ranges for row in range(start, stop)] == list(range(height))
    assert len(ranges) == max(1, min(threads, height // 16))
    assert min(stop - start for start, stop in ranges) >= min(height, 16)
    assert row_ranges(height, torch.device("meta")) == [(0, height)]


def test_bands_hold_copies_of_their_neighbours(threads: int) -> None:
    image = torch.arange(100.0 * 3 * 2).view(100, 3, 2)
    before = image.clone()
    made = bands.bands(image)
    image.zero_()
    for band in made:
        assert not band.rows.any()
        assert (band.above is None) == (band.start == 0)
        assert (band.below is None) == (band.stop == 100)
        if band.above is not None:
            assert torch.equal(band.above, before[band.start - 1 : band.start])
        if band.below is not None:
            assert torch.equal(band.below, before[band.stop : band.stop + 1])


def test_items_are_worked_on_at_the_same_time_by_one_core_each(threads: int) -> None:
    meeting = threading.Barrier(threads, timeout=30)

    def work(item: int) -> tuple[int, int, bool, bool]:
        meeting.wait()  # breaks unless all are here
        return item, torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    with torch.inference_mode():
        assert together(work, range(threads)) == [(item, 1, False, True) for item in range(threads)]
    assert [result[3] for result in together(work, range(threads))] == [False] * threads
    assert torch.get_num_threads() == threads


def test_threads_that_come_later_keep_their_cores() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        together(lambda item: item, [1, 2])
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert seen == [2]
    finally:
        torch.set_num_threads(before)


def test_a_failure_reaches_the_caller(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        together(lambda item: 1 / item, [1, 0, 2])


def test_the_same_rows_of_all_maps_meet(threads: int) -> None:
    source, target = torch.arange(64.0), torch.zeros(64)
    by_rows(lambda a, b: b.copy_(2 * a), source, target)
    assert torch.equal(target, 2 * source)
