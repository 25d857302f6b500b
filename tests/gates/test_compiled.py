"""Gates and compiled blocks: those that look at whole blocks leave them compiled, others say what to do."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.utils import counters

import foretrace as ft
from foretrace.errors import UnsupportedModel
from gates.common import gated
from tiny import FAMILIES, sample


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["dit", "flux"])
def test_a_first_block_probe_leaves_blocks_compiled(name: str) -> None:
    family = FAMILIES[name]
    eager, model = family.model(), family.model()
    method = gated(ft.FirstBlock(0.3), ft.PerStack(head=1, store="residual"))
    with ft.accelerate(eager, method, steps=6) as run:
        expected = sample(family, eager, 6)
        computed = run.report.computed
    torch._dynamo.reset()
    for blocks in ft.models.find_stacks(model).values():
        for block in blocks:
            block.compile(fullgraph=True, backend="eager")
    counters.clear()
    with ft.accelerate(model, method, steps=6) as run:
        first = sample(family, model, 6)
        graphs = counters["stats"]["unique_graphs"]
        sample(family, model, 6)
    assert run.report.computed == computed
    assert graphs > 0
    assert sum(counters["graph_break"].values()) == 0
    assert counters["stats"]["unique_graphs"] == graphs, "the second run compiled again"
    torch.testing.assert_close(first, expected, rtol=1e-4, atol=1e-4)


def test_the_modulated_input_of_a_compiled_block_cannot_be_seen() -> None:
    model = FAMILIES["dit"].model()
    for block in model.transformer_blocks:
        block.compile(backend="eager")
    with pytest.raises(UnsupportedModel, match=r"compiled blocks.*looks at none of their modules"):
        ft.attach(model, gated(ft.TeaCache(0.1), ft.PerStack()), steps=6)
    assert "_call_impl" not in model.__dict__
