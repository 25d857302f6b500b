"""The weight table of `foretrace methods --weights`."""

from __future__ import annotations

import pytest
from rich.console import Console

import foretrace as ft
from foretrace.cli.weights import weight_table
from foretrace.errors import InvalidSetting

LINEAR = [
    name for name in ft.available_methods() if isinstance(ft.load_method(name).predictor, ft.LinearPredictor)
]


@pytest.mark.parametrize("name", LINEAR)
def test_every_skipped_step_has_its_weights_their_sum_and_the_gain(name: str) -> None:
    method, steps = ft.load_method(name), 24
    predictor, computed = method.predictor, method.schedule.table(steps)
    assert isinstance(predictor, ft.LinearPredictor)
    table = weight_table(method, steps)
    columns = {str(column.header): list(column.cells) for column in table.columns}
    skipped = [t for t in range(steps) if t not in computed]
    assert columns["step"] == [str(t) for t in skipped]
    for row, t in enumerate(skipped):
        known = [float(i) for i in reversed(computed) if i < t]
        times = known if name == "spectrum" else known[: predictor.points]
        weights = predictor.weights(times, float(t))
        assert columns["points"][row].split() == [f"{time:.0f}" for time in times]
        assert [float(w) for w in columns["weights"][row].split()] == pytest.approx(weights, abs=6e-5)
        assert float(columns["sum"][row]) == pytest.approx(sum(weights), abs=6e-5)
        assert float(columns["gain"][row]) == pytest.approx(predictor.gain(times, float(t)), abs=6e-4)
    Console(file=None, quiet=True).print(table)


@pytest.mark.parametrize(
    ("name", "settings"), [("tracache", {}), ("freqca", {}), ("taylorseer", {"time": "timestep"})]
)
def test_what_has_no_table_says_why(name: str, settings: dict[str, str]) -> None:
    with pytest.raises(InvalidSetting, match=r"expected .*\. (Ask|Leave)"):
        weight_table(ft.load_method(name, **settings), 24)
