"""The tables of papers: that their rows are what the papers' own numbers say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import foretrace as ft
from foretrace.bench.distances import Distances
from foretrace.bench.entries import UNCACHED, method_of
from foretrace.bench.papers import asked_of
from foretrace.bench.published import COST, LATENCY, QUALITIES, PaperRow, PaperTable
from foretrace.bench.spec import make_spec
from foretrace.bench.tables import available_tables, load_table
from foretrace.demo.references import REFERENCES
from foretrace.errors import InvalidSetting
from foretrace.history import SiteKey, Step
from foretrace.schedule import Anchor

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TABLES = available_tables()
RUN = [
    pytest.param(table, row, id=f"{table.name}-{row.label}")
    for table in TABLES.values()
    for row in table.rows
    if row.entry is not None and row.entry.kind == "method"
]
ARCHITECTURES = {
    "tracache-1": "pixart-256", "tracache-1-512": "pixart-512", "tracache-3": "dit-xl-2-256",
    "tracache-8": "dit-xl-2-256",
}  # fmt: skip


def anchor(table: PaperTable) -> Anchor:
    return "last" if table.reference == "shapes-dit" else "first"


@pytest.fixture(scope="module")
def paper():
    """The arithmetic of ``benchmarks/macs_paper.py``, which is no package."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import macs_paper
    finally:
        sys.path.remove(str(BENCHMARKS))
    return macs_paper


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_a_table_is_whole(table: PaperTable) -> None:
    assert table.reference in REFERENCES
    assert all(column in (*COST, LATENCY, *QUALITIES) for column in table.columns)
    assert len({row.label for row in table.rows}) == len({row.key for row in table.rows}) == len(table.rows)
    assert table.source.paper and table.source.table and table.source.place
    assert sum(row.entry is UNCACHED for row in table.rows) <= 1
    for row in table.rows:
        assert len(row.values) == len(table.columns)
        assert any(value is not None for value in row.values) or row.note or row.not_run
        if table.measure == "rows":
            assert (row.entry is None) == bool(row.not_run), row.label


def test_a_row_is_left_out_only_while_there_is_no_recipe() -> None:
    for table in TABLES.values():
        for row in table.rows:
            assert row.needs not in ft.available_methods(), f"{table.name}, {row.label}: run it"


@pytest.mark.parametrize(("table", "row"), RUN)
def test_recipes_compute_as_many_steps_as_the_paper_paid_for(table: PaperTable, row: PaperRow) -> None:
    assert row.entry is not None
    chosen = method_of(row.entry)
    assert isinstance(chosen, ft.Method)
    count = len(chosen.schedule.resolve(anchor(table)).table(table.steps))
    if row.computed is None:
        assert row.note, "the paper's cost and the recipe's schedule differ: say so"
    else:
        assert count == row.computed


@pytest.mark.parametrize("table", [t for t in TABLES.values() if t.cost], ids=lambda t: t.name)
def test_published_cost_is_that_of_the_computed_steps(table: PaperTable) -> None:
    for row in table.rows:
        ratio = table.ratio(row, table.cost or "")
        if row.computed is not None and ratio is not None:
            apart = table.steps / ratio - row.computed  # what skipped steps still run adds up
            assert -0.1 < apart < 0.6, row.label


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_published_macs_are_those_of_the_architecture(name: str, paper) -> None:
    """Within 4.5 %: what PixArt's TraCache rows are above their computed steps, no one knows why."""
    table, formula = TABLES[name], paper.FORMULAS[ARCHITECTURES[name]]
    for row in table.rows:
        printed = table.value(row, "macs_t")
        if row.entry is UNCACHED or row.computed is not None:
            computed = row.computed or table.steps
            cheap = row.entry is not None and row.entry.name == "tracache"
            skipped = table.steps - computed if cheap else 0
            assert printed is not None
            assert printed * 1e12 == pytest.approx(formula.run(computed, skipped, "live"), rel=0.045)
            assert row.entry is not UNCACHED or printed * 1e12 == pytest.approx(
                formula.run(computed, 0, "live"), rel=2e-3
            )


def test_both_places_of_the_macs_columns_agree(paper) -> None:
    printed = {
        (ARCHITECTURES[name], TABLES[name].steps, row.entry.label, TABLES[name].value(row, "macs_t"))
        for name in ARCHITECTURES
        for row in TABLES[name].rows
        if row.entry is not None
    }
    for row in paper.ROWS:
        call = ",".join(f"{key}={value}" for key, value in row.settings)
        label = "uncached" if row.recipe is None else f"{row.recipe}:{call}"
        assert (row.model, row.steps, label, row.teras) in printed


def test_open_sora_and_flux_cost_what_their_sizes_say() -> None:
    """As in the architectures: 51 frames at 480 x 854 with 120 text tokens; 1024 x 1024 with 512."""
    width, frames, patches, text, batch = 1152, 15, 30 * 53, 120, 2
    tokens, square = frames * patches, width * width
    spatial = 4 * square * tokens + 2 * patches**2 * width * frames
    temporal = 4 * square * tokens + 2 * frames**2 * width * patches
    cross = 2 * square * (tokens + text) + 2 * tokens * text * width
    full = batch * 28 * (spatial + temporal + 2 * cross + 2 * 8 * square * tokens)
    table = TABLES["tracache-2"]
    for row in table.rows:
        count = table.steps if row.entry is UNCACHED else row.computed
        if count is not None:
            assert (table.value(row, "macs_p") or 0) * 1e15 == pytest.approx(count * full, rel=0.03)
    flux = TABLES["foca-flux"]
    assert flux.base is not None
    assert flux.value(flux.base, "flops_t") == pytest.approx(2 * 50 * 37.192326709248, rel=1e-4)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_every_table_can_be_asked_for(table: PaperTable) -> None:
    spec = make_spec(asked_of(table, {"methods": ["fora:interval=9"]}))
    assert (spec.model, spec.steps, spec.sampler) == (table.reference, table.steps, table.sampler)
    wanted = [row.entry.label for row in table.rows if row.entry and not row.fit]
    kinds = {row.entry.kind for row in table.rows if row.entry}
    asked = [entry.label for entry in spec.methods]
    assert [label for label in wanted if label in asked] == asked[:-1]
    assert asked[-1] == "fora:interval=9"
    assert bool(spec.fewer_steps) == bool(kinds & {"fewer-steps", "sampler"})
    assert not spec.extra


def test_the_papers_guidance_is_for_its_weights_and_yields_to_ones_own() -> None:
    table = load_table("tracache-3")
    own = {"model": table.weights}
    assert make_spec(asked_of(table, own)).extra == {"guidance_scale": 1.5}
    assert make_spec(asked_of(table, own | {"guidance": 4.0})).extra == {}
    assert make_spec(asked_of(table, own | {"extra": {"guidance_scale": 2.0}})).extra == {"guidance_scale": 2}


@pytest.mark.parametrize("given", [{"set": {"order": 1}}, {"intervals": [9]}])
def test_the_rows_of_a_paper_cannot_be_changed(given: dict) -> None:
    with pytest.raises(InvalidSetting, match="expected the paper's settings"):
        asked_of(load_table("tracache-3"), given)


def test_distances_are_mean_squares_between_steps() -> None:
    seen = Distances([(1, 5), (0, 5)])
    for index in range(6):
        feature = torch.full((2, 3, 4), float(index))
        seen.computed(SiteKey("d", 0, 0), Step(index, total=6), (torch.zeros(1), feature))
    assert seen.squares == {(1, 5): [16.0, 16.0], (0, 5): [25.0, 25.0]}
