"""Limits of what a gate decides: kept for any wishes, or refused beforehand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import ClockError, InvalidSetting
from gates.common import Planned, gated
from tiny import FAMILIES, sample


def decide(budget: ft.Budget, wishes: list[bool], schedule: ft.Schedule) -> list[int]:
    total = len(wishes)

    def forced(index: int) -> bool:
        return not schedule.may_skip(ft.Step(index, total=total), 1)

    budget.check(total, forced)
    computed: list[int] = [0]
    for index in range(1, total):
        if budget.settle(wishes[index], index, index - computed[-1], len(computed), total, forced):
            computed.append(index)
    return computed


@given(
    st.lists(st.booleans(), min_size=2, max_size=40),
    st.one_of(st.none(), st.integers(1, 40)),
    st.one_of(st.none(), st.integers(1, 40)),
    st.one_of(st.none(), st.integers(1, 10)),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_limits_hold_whatever_a_gate_wishes(wishes, most, least, longest, warmup, cooldown) -> None:
    schedule = ft.Window(warmup, cooldown)
    try:
        budget = ft.Budget(most, least, longest)
        computed = decide(budget, wishes, schedule)
    except InvalidSetting:
        return
    total = len(wishes)
    assert most is None or len(computed) <= most
    assert least is None or len(computed) >= least
    gaps = [b - a for a, b in zip(computed, [*computed[1:], total], strict=True)]
    assert longest is None or max(gaps) <= longest + 1
    assert set(range(warmup)) & set(range(total)) <= set(computed)
    assert set(range(max(total - cooldown, 0), total)) <= set(computed)


@given(st.integers(2, 40), st.integers(1, 10))
def test_what_is_refused_cannot_be_kept(total, longest) -> None:
    """The least that ``longest`` needs: one computed step in every ``longest + 1``."""
    needed = -(-total // (longest + 1))
    decide(ft.Budget(needed, None, longest), [True] * total, ft.Window())
    if needed > 1:
        with pytest.raises(InvalidSetting, match=rf"most={needed - 1} got a run of {total} steps"):
            decide(ft.Budget(needed - 1, None, longest), [True] * total, ft.Window())


def test_in_a_run() -> None:
    family = FAMILIES["dit"]
    model = family.model()
    for gate, budget, computed in (
        (Planned(admitted=tuple(range(8))), ft.Budget(longest=2), [0, 3, 6]),
        (Planned(), ft.Budget(most=3), [0, 1, 2]),
        (Planned(admitted=tuple(range(8))), ft.Budget(least=4), [0, 5, 6, 7]),
    ):
        with ft.accelerate(model, gated(gate, budget=budget), steps=8) as run:
            sample(family, model, 8)
        assert run.report.computed == computed


def test_settings_of_recipes() -> None:
    method = ft.load_method("error_estimate", max_computed=9, min_computed=3, longest_run=4)
    assert method.budget == ft.Budget(9, 3, 4)
    capped = ft.load_method("sencache", longest=2, max_computed=9)
    assert capped.budget == ft.Budget(most=9, longest=2), "a limit of the recipe's own stays"
    with pytest.raises(InvalidSetting, match="without a gate"):
        ft.load_method("fora", max_computed=9)


def test_errors() -> None:
    model = FAMILIES["dit"].model()
    with pytest.raises(InvalidSetting, match="least <= most"):
        ft.Budget(3, 4)
    with pytest.raises(InvalidSetting, match="least=9 got a run of 8 steps"):
        ft.attach(model, gated(Planned(), budget=ft.Budget(least=9)), steps=8)
    with pytest.raises(ClockError, match="steps="):
        ft.attach(model, gated(Planned(), budget=ft.Budget(most=4)))
    assert "_call_impl" not in model.__dict__
