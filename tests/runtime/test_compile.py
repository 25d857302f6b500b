"""Compiled blocks stay compiled: no graph break, no recompilation between computed and skipped steps."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.utils import counters

import foretrace as ft
from tiny import FAMILIES, sample

# Some families hold modules that dynamo itself cannot trace in one graph; these can.
COMPILABLE = ["dit", "flux", "sd3", "wan"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COMPILABLE)
@pytest.mark.parametrize(
    "granularity", [ft.PerModel(), ft.PerStack(), ft.PerStack(1, 1), ft.PerBlock()], ids=str
)
def test_blocks_compiled_before_attaching(name: str, granularity) -> None:
    family = FAMILIES[name]
    eager, model = family.model(), family.model()
    settings = {"interval": 3, "order": 2, "anchor": "first", "granularity": granularity}
    with ft.accelerate(eager, "tracache", **settings):
        expected = sample(family, eager, 6)
    torch._dynamo.reset()
    for blocks in ft.models.find_stacks(model).values():
        for block in blocks:
            block.compile(fullgraph=True, backend="eager")
    counters.clear()
    with ft.accelerate(model, "tracache", **settings):
        first = sample(family, model, 6)
        graphs = counters["stats"]["unique_graphs"]
        assert graphs > 0
        sample(family, model, 6)
    assert sum(counters["graph_break"].values()) == 0
    assert counters["stats"]["unique_graphs"] == graphs, "the second run compiled again"
    torch.testing.assert_close(first, expected, rtol=1e-4, atol=1e-4)
