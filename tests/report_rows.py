"""A results file for the tests of the report: every kind of row, pictures, a failure, one without effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from foretrace.bench.rows import Estimate, Latency, Row, write_row

STEPS = 12
ABOUT = {"commit": "abc1234", "sampler": "DDIM", "seeds": [0, 3], "versions": {"torch": "2.13.0"}}


def row(
    kind: str, label: str, computed: int, error: float, speedup: float, method: str = "", **settings
) -> Row:
    """A row that ran, with every quantity there is."""
    own = computed if kind in ("fewer-steps", "sampler") else STEPS
    steps = list(range(own)) if own == computed else [round(i * STEPS / computed) for i in range(computed)]
    quality = {"relative_l2": Estimate(error, 0.8 * error, 1.2 * error), "frechet": Estimate(10 * error)}
    return Row(
        kind, label, "shapes-dit", own, 4, method=method, settings=settings, computed=steps,  # type: ignore[arg-type]
        macs={"linear": computed * 10**9, "total": computed * 2 * 10**9, "nominal": computed * 2 * 10**9},
        macs_full={"linear": STEPS * 10**9, "total": STEPS * 2 * 10**9},
        latency=Latency([1.0, 1.1], [speedup] * 2, 1.05, Estimate(speedup, speedup - 0.1, speedup + 0.1)),
        efficiency=speedup * computed / STEPS, peak_bytes=10**9, history_bytes=10**6,
        quality={} if kind == "uncached" else quality, trajectory=_trajectory(kind, own - computed, error),
        machine="m", setting="s", about=ABOUT,
    )  # fmt: skip


def _trajectory(kind: str, skipped: int, error: float) -> dict:
    if kind != "method":
        return {}
    path = [[float(i), float(i * i)] for i in range(STEPS)]
    drifted = [[x, y + error * x] for x, y in path]
    errors = [0.0, 0.0, *(error * i / STEPS for i in range(2, STEPS))]
    return {"error_by_step": errors, "orders": [1.0] * skipped, "pca": {"uncached": path, "cached": drifted}}


def all_rows() -> list[Row]:
    """Uncached, controls, two methods at three intervals, and peers that fail or do nothing."""
    rows = [row("uncached", "uncached", STEPS, 0.0, 1.0)]
    rows += [row("fewer-steps", f"fewer-steps-{n}", n, 0.6 / n, STEPS / n) for n in (6, 4, 3)]
    rows += [row("sampler", f"unipc-{n}", n, 0.5 / n, STEPS / n, "unipc") for n in (6, 4)]
    for name, error in (("fora", 0.9), ("tracache", 0.3)):
        rows += [
            row("method", f"{name}:interval={k}", STEPS // k, error * k / STEPS, 0.9 * k, name, interval=k)
            for k in (2, 3, 4)
        ]
    failed = Row("peer", "diffusers-fbc", "shapes-dit", STEPS, 4, "failed", "no block of a known class",
                 "diffusers-fbc", machine="m", setting="s", about=ABOUT)  # fmt: skip
    idle = replace(
        row("peer", "cache-dit", STEPS, 0.0, 1.0, "cache-dit"), status="no effect", reason="all computed"
    )
    return [*rows, failed, idle]


def write_results(folder: Path, rows: Sequence[Row], samples: int = 2) -> Path:
    """The rows as a file, with a small picture a sample beside it."""
    path = folder / "bench.jsonl"
    for number, each in enumerate(rows):
        names = [f"pictures/{number}-{i}.png" for i in range(samples)] if each.status == "ok" else []
        for i, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16), (20 * number % 256, 80 * i, 90)).save(folder / name)
        write_row(replace(each, pictures=names), path)
    return path
