"""No denoiser class is missing from the zoo, and what is in it is no degenerate model."""

from __future__ import annotations

import inspect

import pytest
import torch
from diffusers.models import transformers
from torch import nn

from foretrace.runtime.packing import unpack
from zoo import CASES, GROUPS

NOT_A_DENOISER = {
    "MiniMaxMusic3RVQDepthDecoder": "predicts the next codebook's token, takes no time",
}

TIMELESS = {"Transformer2DModel+continuous", "DualTransformer2DModel", "DreamLiteTransformer2DModel",
            "TransformerTemporalModel"}  # fmt: skip
"""Parts of U-Nets: the time reaches them through the feature map, their own argument is unused."""


def exported() -> set[str]:
    found = {name: getattr(transformers, name) for name in dir(transformers)}
    return {name for name, x in found.items() if inspect.isclass(x) and issubclass(x, nn.Module)}


def test_every_class_is_in_the_zoo_or_excused() -> None:
    covered = {name.split("+")[0] for name in CASES}
    assert exported() - covered - NOT_A_DENOISER.keys() == set()
    assert covered - exported() == {"UNet2DConditionModel"}
    assert NOT_A_DENOISER.keys() <= exported()
    assert not covered & NOT_A_DENOISER.keys()
    assert len(CASES) == sum(len(group.CASES) for group in GROUPS), "a name twice"


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_a_call_is_repeatable_finite_and_depends_on_the_time(name: str) -> None:
    model = CASES[name].build()
    early, again, late = (unpack(model(**CASES[name].call(t)), name)[0] for t in (0.8, 0.8, 0.3))
    assert all(torch.equal(a, b) for a, b in zip(early, again, strict=True))
    assert all(bool(torch.isfinite(x).all()) and 0.2 < float(x.std()) < 5 for x in early)
    moved = max(float((a - b).abs().max()) for a, b in zip(early, late, strict=True))
    assert (moved == 0) if name in TIMELESS else moved > 1e-2
