"""Scales, labels, curves and fronts of the report."""

from __future__ import annotations

from hypothesis import assume, example, given
from hypothesis import strategies as st

from foretrace.bench.report.axes import fit_axis
from foretrace.bench.report.facts import facts
from foretrace.bench.report.groups import group_rows
from foretrace.bench.report.head import verdicts
from foretrace.bench.report.labels import LETTER, LINE, place_labels
from foretrace.bench.report.plots import make_plot
from foretrace.bench.report.strips import orders_of
from foretrace.bench.report.words import bytes_text, macs_text, short
from foretrace.bench.rows import Row
from report_rows import STEPS, all_rows, row

NUMBERS = st.lists(st.floats(1e-9, 1e15), min_size=1, max_size=20)


@given(NUMBERS, st.booleans())
def test_every_value_has_a_place_in_its_order(values: list[float], mirrored: bool) -> None:
    start, end = (300.0, 10.0) if mirrored else (10.0, 300.0)
    axis = fit_axis(values, start, end)
    places = [axis(value) for value in sorted(values)]
    assert all(10 < place < 300 for place in places)
    assert places == sorted(places, reverse=mirrored)


@given(NUMBERS, st.integers(3, 9))
@example([1.0000000000000003e-09], 3)
@example([499999999977273.0], 4)
def test_ticks_are_few_and_on_the_axis(values: list[float], most: int) -> None:
    axis = fit_axis(values, 0, 100)
    ticks = axis.ticks(most)
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= most
    assert all(axis.low <= tick <= axis.high * (1 + 1e-9) for tick in ticks)
    assert ticks or axis.high / axis.low < 10


SPOTS = st.tuples(st.floats(40, 360), st.floats(40, 260))
WANTED = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=12), st.lists(SPOTS, min_size=1, max_size=4)), max_size=8
)


@given(WANTED)
def test_labels_cover_neither_each_other_nor_points(wanted: list) -> None:
    points = [spot for _, spots in wanted for spot in spots]
    boxes = []
    for (text, _), spot in zip(wanted, place_labels(wanted, points, (0, 0, 400, 300)), strict=True):
        if spot is not None:
            x, y = spot
            boxes.append((x, y + 3.5 - LINE, x + LETTER * len(text), y + 3.5))
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert right <= 400
        assert not any(left < x < right and top < y < bottom for x, y in points)
        assert not any(left < r and x < right and top < b and y < bottom for x, y, r, b in boxes[:i])


def test_a_lone_label_finds_room() -> None:
    assert place_labels([("name", [(50, 50)])], [(50, 50)], (0, 0, 200, 100)) != [None]


def test_profiles_are_one_curve_where_their_labels_agree_up_to_a_colon() -> None:
    labels = ("tuned: 5 steps", "tuned: 8 steps", "spread: 5 steps", "profile:a-5.safetensors", "profile:b-8")
    rows = [row("method", label, 5, 0.1, 2, "profile") for label in labels]
    (group,) = group_rows(rows)
    assert {one.name: len(one.rows) for one in group.series} == {"tuned": 2, "spread": 1, "profile": 2}


def test_rows_of_one_method_are_one_curve_and_words_make_another() -> None:
    rows = [row("method", f"a{k}", k, 0.1, 2, "a", interval=k) for k in (2, 3)]
    rows += [row("method", f"b{k}", k, 0.1, 2, "a", interval=k, granularity="model") for k in (2, 3)]
    (group,) = group_rows(rows)
    assert [(series.name, series.rows) for series in group.series] == [("a", (1, 0)), ("a (model)", (3, 2))]
    first, second = group.series
    assert first.colour == second.colour
    assert first.mark != second.mark


def test_every_row_is_in_one_series_and_colours_agree_between_groups() -> None:
    one, two = all_rows(), [Row(**vars(r) | {"machine": "n"}) for r in reversed(all_rows())]
    groups = group_rows(one + two)
    for group in groups:
        assert sorted(group.order) == list(range(len(group.rows)))
    colours = [{s.name: s.colour for s in group.series} for group in groups]
    assert colours[0] == colours[1]


@given(st.lists(st.tuples(st.integers(1, STEPS - 1), st.floats(0.01, 1)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_else_beats(pairs: list[tuple[int, float]]) -> None:
    rows = [row("method", f"{i}", n, error, STEPS / n, "a") for i, (n, error) in enumerate(pairs)]
    plot = make_plot(group_rows(rows)[0], "relative_l2", "computed")
    front = {(p.x.value, p.y.value) for p in plot.front()}
    points = {(p.x.value, p.y.value) for p in plot.points}
    beaten = {(x, y) for x, y in points if any((a, b) != (x, y) and a <= x and b <= y for a, b in points)}
    assert front == points - beaten


def test_orders_are_read_however_they_are_written() -> None:
    base = {"kind": "method", "label": "a", "model": "m", "steps": 5, "samples": 1, "computed": [0, 3]}
    wanted = {1: 1.0, 2: 1.5, 4: 2.0}
    for written in ([1, 1.5, 2], [None, 1, 1.5, None, 2], {"1": 1, "2": 1.5, "4": 2}):
        assert orders_of(Row(**base, trajectory={"orders": written})) == wanted  # type: ignore[arg-type]
    assert orders_of(Row(**base)) == {}  # type: ignore[arg-type]


def test_a_verdict_never_prefers_a_row_that_computes_more() -> None:
    (group,) = group_rows(all_rows())
    found = verdicts(group)
    assert [v.budget for v in found] == [6, 4, 3]
    assert all(v.computed <= v.budget for v in found)
    outcomes = {v.budget: v.outcome for v in found}
    assert outcomes[6] == "won"


def test_facts_of_rows_that_differ_name_several_values() -> None:
    rows = [row("method", str(i), 4, 0.1, 2, "a") for i in range(5)]
    rows = [
        Row(**vars(r) | {"about": {"commit": str(i), "time": f"2026-0{i + 1}"}}) for i, r in enumerate(rows)
    ]
    told = dict(facts(group_rows(rows)[0]))
    assert told["commit"] == "0, 1, 2 and 2 more"
    assert told["time"] == "2026-01 to 2026-05"


@given(st.floats(1e-30, 1e30))
def test_three_digits_tell_the_number(value: float) -> None:
    assume(value < 1e5 or value > 1.01e5)
    assert abs(float(short(value)) - value) <= 0.006 * value


def test_numbers_in_units() -> None:
    assert (bytes_text(0), bytes_text(1536), bytes_text(5 * 2**30)) == ("0 B", "1.5 KiB", "5 GiB")
    assert (macs_text(33_200_000_000), macs_text(None)) == ("33.2 G", "\N{EN DASH}")
