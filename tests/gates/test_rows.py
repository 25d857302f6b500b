"""Decisions for each sample: computed as a smaller batch, and independent of the batch mates."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import foretrace as ft
from foretrace.errors import UnsupportedModel
from gates.common import Lottery, gated
from tiny import FAMILIES, pick, sample

GRANULARITIES = [
    ft.PerModel(),
    ft.PerStack(),
    ft.PerStack(head=1, tail=1, store="residual"),
    ft.PerBlock(store="residual"),
    ft.PerModule("attn", "ff"),
]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.name)
@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
def test_a_sample_does_not_depend_on_its_batch_mates(family, granularity) -> None:
    model = family.model()
    method = gated(Lottery(reduce="sample"), granularity, ft.AdaptiveLagrange(2))
    with ft.accelerate(model, method, steps=8) as run:
        together = sample(family, model, 8, batch=3)
        shares = [call.share for call in run.report.calls]
        alone = [sample(family, model, 8, batch=3, rows=[row]) for row in range(3)]
    assert any(0 < share < 1 for share in shares), "the samples decided alike, which tests nothing"
    for row in range(3):
        torch.testing.assert_close(together[row : row + 1], alone[row], rtol=1e-4, atol=1e-5)


class OneByOne(torch.nn.Module):
    """A denoiser that calls another once a sample, so that its arithmetic does not know of batches."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(
        self, hidden_states: torch.Tensor, timestep: torch.Tensor, return_dict: bool = True, **inputs: Any
    ) -> tuple[torch.Tensor]:
        inputs |= {"hidden_states": hidden_states, "timestep": timestep}
        outputs = []
        for row in range(len(hidden_states)):
            own = pick(inputs, [row], len(hidden_states))
            outputs.append(self.inner(**own, return_dict=False)[0])
        return (torch.cat(outputs),)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.name)
@pytest.mark.parametrize(
    "gate", [Lottery(reduce="sample"), ft.ErrorEstimate(0.2, reduce="sample")], ids=lambda g: type(g).__name__
)
def test_nothing_of_ours_depends_on_batch_mates(family, gate) -> None:
    """Equal bit for bit, alone and in a batch, where the model's own results are."""
    model = OneByOne(family.model())
    with ft.accelerate(model, gated(gate, ft.PerModel(), ft.AdaptiveLagrange(2)), steps=8) as run:
        together = sample(family, model, 8, batch=3)
        assert run.report.mean_computed < 8
        for row in range(3):
            assert torch.equal(together[row : row + 1], sample(family, model, 8, batch=3, rows=[row]))


def test_who_is_computed_is_decided_for_each_sample() -> None:
    family = FAMILIES["dit"]
    model = family.model()
    seen: list[int] = []
    handle = model.register_forward_pre_hook(
        lambda m, a, k: seen.append(len(k["hidden_states"])), with_kwargs=True
    )
    with ft.accelerate(model, gated(Lottery(reduce="sample")), steps=8) as run:
        sample(family, model, 8, batch=3)
    handle.remove()
    report = run.report
    assert report.mean_computed == pytest.approx(sum(call.share for call in report.calls))
    assert report.mean_computed < len(report.computed)
    computed = sum(seen) - 1  # one sample was computed twice, for the proof that it can be computed alone
    assert computed == round(3 * report.mean_computed)
    assert report.macs / report.macs_full == pytest.approx(report.mean_computed / 8, rel=1e-6)


@pytest.mark.parametrize("reduce", ["mean", "max", "any"])
def test_other_reductions_compute_all_or_none(reduce) -> None:
    family = FAMILIES["dit"]
    model = family.model()
    with ft.accelerate(model, gated(Lottery(reduce=reduce)), steps=8) as run:
        sample(family, model, 8, batch=3)
    assert {call.share for call in run.report.calls} <= {0.0, 1.0}


def test_any_computes_when_one_sample_asks() -> None:
    family = FAMILIES["dit"]
    model = family.model()
    with ft.accelerate(model, gated(Lottery(reduce="any")), steps=8) as run:
        sample(family, model, 8, batch=3)
        together = set(run.report.computed)
        alone = []
        for row in range(3):
            sample(family, model, 8, batch=3, rows=[row])
            alone.append(set(run.report.computed))
    assert together == set().union(*alone)


class Mixing(torch.nn.Module):
    """A denoiser whose samples look at each other."""

    def forward(self, hidden_states: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return hidden_states - hidden_states.mean(dim=0) * timestep.reshape(-1, 1)


def test_samples_that_cannot_be_told_apart_are_refused() -> None:
    model = Mixing()
    x = torch.randn(3, 4)
    with (
        ft.accelerate(model, gated(Lottery(reduce="sample")), steps=4),
        pytest.raises(UnsupportedModel, match=r"a sample computed alone differs .*reduce='any'"),
    ):
        for time in (0.9, 0.6, 0.3, 0.1):
            model(x, torch.full((3,), time))
    assert "_call_impl" not in model.__dict__
