"""Compiling after attaching, where the order matters; runtime/test_compile.py has blocks compiled before.

A model of three layers, since compiling a real one takes seconds.
"""

from __future__ import annotations

import pytest
import torch
from diffusers import ModelMixin
from torch import Tensor, nn

import foretrace as ft
from conditions.common import SITES, skipping
from foretrace.errors import UnsupportedModel

pytestmark = pytest.mark.filterwarnings("ignore")


class SmallBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn, self.ff = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.ff(torch.tanh(self.attn(x)))


class Small(ModelMixin):
    """A denoiser of two blocks."""

    _repeated_blocks = ["SmallBlock"]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.ModuleList([SmallBlock(8), SmallBlock(8)])

    def forward(self, x: Tensor, timestep: Tensor) -> Tensor:
        x = x * (1 + timestep)
        for block in self.blocks:
            x = block(x)
        return x


@torch.no_grad()
def sample(model: nn.Module) -> Tensor:
    x = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    for i in range(8):
        x = x - model(x, timestep=torch.tensor([1 - i / 8])) / 8
    return x


@pytest.fixture
def model() -> nn.Module:
    torch._dynamo.reset()
    return Small()


def compile_each(model: nn.Module) -> None:
    for block in model.blocks:
        block.compile(backend="eager")


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_each_block_compiled_while_attached(model: nn.Module, granularity: ft.Granularity) -> None:
    plain = sample(model)
    with ft.accelerate(model, skipping(granularity)) as run:
        expected = sample(model)
        compile_each(model)
        torch.testing.assert_close(sample(model), expected)
        assert run.report.skipped == [2, 4, 5, 7]
    torch.testing.assert_close(sample(model), plain)
    assert all(block._compiled_call_impl is not None for block in model.blocks)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_compile_repeated_blocks_while_attached(model: nn.Module, granularity: ft.Granularity) -> None:
    """Where taps stand for the blocks, diffusers finds none and says so; the method stays at work."""
    with ft.accelerate(model, skipping(granularity)) as run:
        expected = sample(model)
        if isinstance(granularity, ft.PerStack):
            with pytest.raises(ValueError, match="Regional compilation failed"):
                model.compile_repeated_blocks(backend="eager")
        else:
            model.compile_repeated_blocks(backend="eager")
        torch.testing.assert_close(sample(model), expected)
        assert run.report.skipped == [2, 4, 5, 7]


@pytest.mark.parametrize("granularity", SITES[:2], ids=str)
def test_the_whole_model_compiled_while_attached(model: nn.Module, granularity: ft.Granularity) -> None:
    """Nothing is refused, since nobody asks; the method stays at work, and the next attachment is refused."""
    plain = sample(model)
    with ft.accelerate(model, skipping(granularity)) as run:
        expected = sample(model)
        model.compile(backend="eager")
        torch.testing.assert_close(sample(model), expected)
        assert run.report.skipped == [2, 4, 5, 7]
    torch.testing.assert_close(sample(model), plain)
    with pytest.raises(UnsupportedModel, match="compile_repeated_blocks"):
        ft.attach(model, skipping(granularity))
