"""Schedules: the published tables, and laws that hold for every one of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import ClockError, InvalidSetting
from foretrace.history import Step
from foretrace.schedule import FamilyStride

# DiT counts its steps down from 49 to 0: 49, 48, 44, 40, ..., 0 at interval 4.
DESCENDING = {
    3: [49, 48, 45, 42, 39, 36, 33, 30, 27, 24, 21, 18, 15, 12, 9, 6, 3, 0],
    4: [49, 48, 44, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4, 0],
    5: [49, 45, 40, 35, 30, 25, 20, 15, 10, 5, 0],
    6: [49, 48, 42, 36, 30, 24, 18, 12, 6, 0],
}
GOLDEN = [
    *((ft.Stride(k, "last"), 50, [49 - s for s in steps]) for k, steps in DESCENDING.items()),
    (ft.Stride(2, "first"), 20, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]),
    (ft.Stride(3, "first"), 20, [0, 3, 6, 9, 12, 15, 18]),
    (ft.Stride(4, "first"), 20, [0, 4, 8, 12, 16]),
    (ft.Counter(5, 3), 50, [0, 1, 2, 7, 12, 17, 22, 27, 32, 37, 42, 47]),
    (ft.Counter(6, 3), 50, [0, 1, 2, 8, 14, 20, 26, 32, 38, 44]),
    (ft.Counter(5, 1), 50, [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]),
    (ft.Mask((0, 5, 11, 18, 25, 30, 38, 46)), 50, [0, 5, 11, 18, 25, 30, 38, 46]),
]


@pytest.mark.parametrize(("schedule", "total", "computed"), GOLDEN, ids=lambda x: str(x)[:24])
def test_golden_tables(schedule: ft.Schedule, total: int, computed: list[int]) -> None:
    assert schedule.table(total) == computed


@pytest.mark.parametrize(("total", "interval", "count"), [(250, 3, 84), (30, 2, 15), (50, 8, 8)])
def test_published_counts(total: int, interval: int, count: int) -> None:
    anchor = "first" if total == 30 else "last"
    assert len(ft.Stride(interval, anchor).table(total)) == count


# Computed steps of a 50-step run by "warm-up, then every N-th"; they explain the published FLOPs ratios.
COUNTER_COUNTS = {
    2: (25, 26, 26), 3: (17, 18, 18), 4: (13, 14, 14), 5: (10, 11, 12), 6: (9, 10, 10),
    7: (8, 8, 9), 8: (7, 8, 8), 9: (6, 7, 8), 10: (5, 6, 7),
}  # fmt: skip


@pytest.mark.parametrize("interval", COUNTER_COUNTS)
def test_counter_counts(interval: int) -> None:
    counts = tuple(len(ft.Counter(interval, warmup).table(50)) for warmup in (1, 2, 3))
    assert counts == COUNTER_COUNTS[interval]


schedules = st.one_of(
    st.builds(ft.Stride, st.integers(1, 12), st.sampled_from(["first", "last"])),
    st.builds(FamilyStride, st.integers(1, 12)),
    st.builds(ft.Counter, st.integers(1, 12), st.integers(0, 8)),
)


@given(schedules, st.integers(1, 120))
def test_every_schedule_starts_computed_and_never_waits_longer_than_its_interval(
    schedule: ft.Stride | ft.Counter, total: int
) -> None:
    table = schedule.table(total)
    assert table[0] == 0
    assert table == sorted(set(table))
    gaps = [b - a for a, b in zip(table, [*table[1:], total], strict=True)]
    assert max(gaps) <= schedule.interval


@given(st.integers(1, 12), st.integers(1, 120))
def test_the_last_anchor_computes_the_last_step(interval: int, total: int) -> None:
    assert ft.Stride(interval, "last").table(total)[-1] == total - 1


@given(schedules, st.integers(2, 60))
def test_a_schedule_is_pure(schedule: ft.Schedule, total: int) -> None:
    step = Step(total // 2, total=total)
    assert schedule.may_skip(step, 1) == schedule.may_skip(step, 1)
    assert schedule.table(total) == schedule.table(total)


def test_interval_one_never_skips() -> None:
    for anchor in ("first", "last"):
        assert ft.Stride(1, anchor).table(17) == list(range(17))
    assert ft.Counter(1).table(17) == list(range(17))


def test_a_family_stride_resolves_to_its_anchor() -> None:
    assert FamilyStride(3).resolve("first") == ft.Stride(3, "first")
    assert FamilyStride(3).resolve("last") == ft.Stride(3, "last")
    assert ft.Counter(3).resolve("last") == ft.Counter(3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ft.Stride(0), ("interval", "0", ">= 1")),
        (lambda: ft.Stride(2.5), ("interval", "2.5", "integer")),
        (lambda: ft.Stride(True), ("interval", "True", "integer")),
        (lambda: ft.Stride(3, "middle"), ("anchor", "'middle'", "'last'")),
        (lambda: ft.Counter(0), ("interval", "0")),
        (lambda: ft.Counter(3, -1), ("warmup", "-1")),
        (lambda: ft.Mask([]), ("Mask", "step 0")),
        (lambda: ft.Mask([3, 6]), ("step 3", "step 0")),
        (lambda: ft.Mask([-1, 0]), ("-1", "negative")),
        (lambda: ft.Mask([0, 1.5]), ("1.5", "integers")),
        (lambda: ft.Mask([0, 50]).table(50), ("step 50", "50 steps")),
        (lambda: ft.Stride(3).table(0), ("total", "0")),
    ],
)
def test_bad_settings_are_named(make, words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSetting) as error:
        make()
    assert all(word in str(error.value) for word in words)


def test_counting_from_the_end_needs_the_length() -> None:
    with pytest.raises(ClockError, match="steps="):
        ft.Stride(3, "last").may_skip(Step(1), 1)
    assert ft.Stride(3, "first").may_skip(Step(1), 1)
