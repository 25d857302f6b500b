"""Microseconds of Python in a skipped call, on blocks so small that hardly anything else is left of them.

A DiT of 28 blocks and a FLUX of 19 + 38, width 16, 4 tokens. Computed calls of such models are Python too.
Run: python benchmarks/calls.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import DiTTransformer2DModel, FluxTransformer2DModel
from overhead_clock import Span, spread, timed
from record import RESULTS, cpu_name, write_lines
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

import foretrace as ft

SITES = {"model": ft.PerModel(), "stack": ft.PerStack(), "block": ft.PerBlock(), "modules": ft.PerModule()}
PREDICTORS = {"reuse": ft.Reuse(), "lagrange 2": ft.Lagrange(2), "tracache 4": ft.AdaptiveLagrange(4)}
STEPS, INTERVAL = 60, 4


def dit(blocks: int) -> tuple[nn.Module, dict[str, Any]]:
    """A DiT of that many blocks, and the arguments of a call without the time."""
    model = DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=4, num_layers=blocks,
        sample_size=4, patch_size=2, num_embeds_ada_norm=1000,
    )  # fmt: skip
    return model, {"hidden_states": torch.randn(1, 4, 4, 4), "class_labels": torch.tensor([1])}


def flux(double: int, single: int) -> tuple[nn.Module, dict[str, Any]]:
    """A FLUX of that many blocks, and the arguments of a call without the time."""
    model = FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=double, num_single_layers=single, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=12, pooled_projection_dim=10, axes_dims_rope=(2, 2, 4),
    )  # fmt: skip
    return model, {
        "hidden_states": torch.randn(1, 4, 4), "encoder_hidden_states": torch.randn(1, 4, 12),
        "pooled_projections": torch.randn(1, 10), "img_ids": torch.zeros(4, 3), "txt_ids": torch.zeros(4, 3),
    }  # fmt: skip


MODELS: dict[str, Callable[[], tuple[nn.Module, dict[str, Any]]]] = {
    "DiT, 28 blocks": lambda: dit(28),
    "FLUX, 57 blocks": lambda: flux(19, 38),
}


@torch.no_grad()
def calls(model: nn.Module, inputs: dict[str, Any], keep: Callable[[int], bool]) -> list[float]:
    """Processor microseconds of the calls at the steps to keep."""
    spans: list[tuple[int, Span]] = []
    for index in range(STEPS):
        time = torch.tensor([900.0 - index])
        _, span = timed(lambda t=time: model(timestep=t, return_dict=False, **inputs))
        spans.append((index, span))
    return [1e6 * span.cpu for index, span in spans if keep(index)]


def measure(name: str) -> list[dict[str, Any]]:
    """A row for the uncached model and one for every site and predictor."""
    torch.manual_seed(0)
    model, inputs = MODELS[name]()
    model.eval().requires_grad_(False)
    calls(model, inputs, lambda _: True)
    rows = [{"model": name, "site": "-", "predictor": "uncached", "us": spread(calls(model, inputs, bool))}]
    for site, granularity in SITES.items():
        for label, predictor in PREDICTORS.items():
            method = ft.Method(ft.Stride(INTERVAL, "first"), predictor, granularity)
            with ft.accelerate(model, method) as run:
                found: list[float] = []
                for _ in range(5):  # not before the history is full
                    found += calls(model, inputs, lambda i: i > 5 * INTERVAL and i % INTERVAL != 0)
            sites = sum(run.report.sites.values())
            rows.append(
                {"model": name, "site": site, "sites": sites, "predictor": label, "us": spread(found)}
            )
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "calls.jsonl")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for name in track(list(MODELS), "models") for row in measure(name)]
    table = Table(title="Processor microseconds of a skipped call: median (quartiles)")
    for column in ("model", "site", "sites", "forecast", "microseconds"):
        table.add_column(column, justify="right" if column in ("sites", "microseconds") else "left")
    for row in rows:
        us = row["us"]
        cell = f"{us['median']:.0f} ({us['q1']:.0f} to {us['q3']:.0f})"
        table.add_row(row["model"], row["site"], str(row.get("sites", "")), row["predictor"], cell)
    Console().print(table)
    write_lines(options.out, rows, cpu_name())


if __name__ == "__main__":
    main()
