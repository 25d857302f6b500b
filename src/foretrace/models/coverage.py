"""Which granularities hold on which denoiser class of diffusers, as found by running each of them.

`coverage.json` is written by `benchmarks/coverage.py`; `tests/zoo` runs every cell of it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from foretrace.granularity import Granularity, PerBlock, PerModel, PerModule, PerStack

COLUMNS: dict[str, Granularity] = {
    "model": PerModel(),
    "stack": PerStack(),
    "stack:residual": PerStack(store="residual"),
    "block": PerBlock(),
    "block:residual": PerBlock(store="residual"),
    "module(attn)": PerModule("attn"),
    "module(attn,ff)": PerModule("attn", "ff"),
    "module(attn,ff):gated": PerModule("attn", "ff", store="gated"),
    "module(attn,ff):residual": PerModule("attn", "ff", store="residual"),
}
"""The granularities that were tried, by their short spelling."""

FILE = Path(__file__).with_name("coverage.json")


class Coverage(NamedTuple):
    """The matrix: ``classes[name][spelling]`` is None where it holds, else the reason why it is refused."""

    diffusers: str
    classes: dict[str, dict[str, str | None]]


def read_coverage() -> Coverage:
    """The committed matrix."""
    found = json.loads(FILE.read_text())
    return Coverage(found["diffusers"], found["classes"])
