"""MAC counts against arithmetic done by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import foretrace as ft
from foretrace.macs import Macs
from tiny import FAMILIES, sample


def test_a_linear_layer_and_a_matmul_by_hand() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 16)

        def forward(self, x: torch.Tensor, t: float) -> torch.Tensor:
            y = self.layer(x)
            return y @ y.transpose(-1, -2)

    net = Net()
    counted = ft.count_call(net, (torch.empty(2, 5, 8, device="meta"), 1.0), {}, [net.layer])
    linear, attention = 2 * 5 * 8 * 16, 2 * 5 * 5 * 16
    assert counted.computed == Macs(linear, linear + attention)
    assert counted.inside == Macs(linear, linear)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_dit_by_hand(device: str) -> None:
    """Layers, hidden, tokens of a DiT; attention adds two matmuls of tokens^2 x hidden a block."""
    model = FAMILIES["dit"].build().to(device)
    batch, tokens, hidden, layers = 2, 16, 16, 3
    block = 12 * hidden**2 * tokens + 6 * hidden**2 + 256 * hidden + hidden**2
    # patch embedding, time embedding of the final layer, its modulation, projection to 2x2 patches of 4
    rest = (16 * hidden * tokens) + (256 * hidden + hidden**2) + 2 * hidden**2 + 16 * hidden * tokens
    kwargs = {
        "hidden_states": torch.empty(batch, 4, 8, 8, device="meta"),
        "timestep": torch.zeros(batch, dtype=torch.long),
        "class_labels": torch.zeros(batch, dtype=torch.long),
    }
    blocks = list(model.transformer_blocks)
    counted = ft.count_call(model, (), kwargs, blocks)
    assert counted.computed.linear == batch * (layers * block + rest)
    assert counted.inside.linear == batch * layers * block
    assert counted.computed.total - counted.computed.linear == batch * layers * 2 * tokens**2 * hidden


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.name)
def test_the_report_adds_up(family) -> None:
    """computed * full + skipped * rest, whatever the granularity, also after detaching."""
    model = family.model()
    counts = {}
    for granularity in (ft.PerModel(), ft.PerStack(), ft.PerStack(head=1)):
        with ft.accelerate(model, "fora", interval=4, anchor="first", granularity=granularity) as run:
            sample(family, model, 8, branches=2)
            attached = run.report.run_macs
        report = run.report
        assert report.run_macs == attached
        assert report.full_macs.linear < report.full_macs.total
        counts[granularity] = report.run_macs.total / report.full_macs.total
    assert counts[ft.PerModel()] == pytest.approx(2 / 8)
    assert counts[ft.PerModel()] < counts[ft.PerStack()] < counts[ft.PerStack(head=1)] < 1
