"""The MACs columns of the TraCache paper, and the arithmetic that reconstructs them.

(TraCache: Trajectory-Based Feature Caching for Diffusion Transformers, ICLR 2026 submission 4358, tables
1, 3 and 8.) The column counts linear and convolution layers of one classifier-free-guided call, without
the attention matmuls and without PixArt's caption projection. What a skipped step costs differs by row:
nothing in the FORA rows, in the TraCache rows all that is not an attention or feed-forward layer. Table 8
does not state its settings: (3,3) is read from its number, which fits 84 computed steps of 250.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

WIDTH, LAYERS, BATCH, TEXT = 1152, 28, 2, 120
SQUARE = WIDTH * WIDTH
PATCH_IN, PATCH_OUT, SINUSOID = 2 * 2 * 4, 2 * 2 * 8, 256

SkippedStep = Literal["free", "live"]
"""What a skipped step costs in a row: nothing, or the layers that still run with the live time."""


@dataclass(frozen=True)
class Formula:
    """MACs of one call by hand: what a skipped step leaves out, and what it still runs."""

    kept: int
    live: int

    def run(self, computed: int, skipped: int, skipped_step: SkippedStep) -> int:
        """MACs of a run."""
        return computed * (self.kept + self.live) + skipped * self.live * (skipped_step == "live")


def dit(tokens: int) -> Formula:
    """Blocks: q, k, v, out and a four times wider feed-forward per token, adaLN-zero per sample."""
    kept = LAYERS * (4 + 8) * SQUARE * tokens
    modulation = LAYERS * 6 * SQUARE + 2 * SQUARE
    time_embedder = SINUSOID * WIDTH + SQUARE
    patches = (PATCH_IN + PATCH_OUT) * WIDTH * tokens
    return Formula(BATCH * kept, BATCH * (modulation + time_embedder + patches))


def pixart(tokens: int) -> Formula:
    """As DiT, with cross-attention to the text, and one adaLN for all blocks."""
    per_token = 4 + 2 + 8  # self-attention; query and output of cross-attention; feed-forward
    kept = LAYERS * (per_token * SQUARE * tokens + 2 * SQUARE * TEXT)
    time_embedder = SINUSOID * WIDTH + SQUARE + 6 * SQUARE
    patches = (PATCH_IN + PATCH_OUT) * WIDTH * tokens
    return Formula(BATCH * kept, BATCH * (time_embedder + patches))


FORMULAS = {"dit-xl-2-256": dit(256), "pixart-256": pixart(256), "pixart-512": pixart(1024)}


@dataclass(frozen=True)
class Row:
    """One published number: ``teras`` MACs of ``steps`` steps of a recipe, ``None`` if uncached."""

    table: str
    model: str
    steps: int
    teras: float
    recipe: str | None = None
    settings: tuple[tuple[str, int], ...] = ()
    skipped_step: SkippedStep = "free"
    why: str = ""

    @property
    def label(self) -> str:
        """How the paper calls the row."""
        values = ",".join(str(value) for _, value in self.settings)
        return "uncached" if self.recipe is None else f"{self.recipe} {values}"

    def as_dict(self) -> dict[str, Any]:
        """What identifies the row."""
        return {"table": self.table, "model": self.model, "steps": self.steps, "setting": self.label}


OUTLIER = (
    "Would need 2.2 G a skipped step, where the paper's other DiT rows need 0.5 to 0.7 G and the adaLN and "
    "final layers are 0.48 G. The count of 18 steps is not in doubt: one more would be 4.36 T."
)
FORA_EXCESS = (
    "0.8 to 1.5 % above the computed steps, proportional neither to the computed nor to the skipped ones. "
    "The caption projection on every step would add 1.0 to 1.5 % at 256, but 0.3 to 0.5 % at 512, and the "
    "uncached rows leave it out. The step count fits: one more would be 10 to 20 % more."
)
TRACACHE_EXCESS = (
    "2 to 4 % above the computed steps. No count of layers on the skipped steps gives all six rows, and "
    "the forecast itself, three multiply-adds an element, is far too small. The step count fits as in "
    "FORA's rows."
)


def _rows() -> tuple[Row, ...]:
    def fora(table: str, model: str, steps: int, interval: int, teras: float, why: str = "") -> Row:
        return Row(table, model, steps, teras, "fora", (("interval", interval),), "free", why)

    def tracache(table: str, model: str, steps: int, k: int, o: int, teras: float, why: str = "") -> Row:
        settings = (("interval", k), ("order", o))
        return Row(table, model, steps, teras, "tracache", settings, "live", why)

    one, three, eight = "1 (PixArt-alpha, DPM-Solver++ 20)", "3 (DiT, DDIM 50)", "8 (DiT, DDPM 250)"
    small, large, dit_xl = "pixart-256", "pixart-512", "dit-xl-2-256"
    return (
        Row(one, small, 20, 5.68),
        fora(one, small, 20, 2, 2.88, FORA_EXCESS),
        fora(one, small, 20, 3, 2.02, FORA_EXCESS),
        tracache(one, small, 20, 2, 2, 2.91, TRACACHE_EXCESS),
        tracache(one, small, 20, 3, 2, 2.06, TRACACHE_EXCESS),
        tracache(one, small, 20, 4, 2, 1.48, TRACACHE_EXCESS),
        Row(one, large, 20, 21.67),
        fora(one, large, 20, 2, 10.94, FORA_EXCESS),
        fora(one, large, 20, 4, 5.46, FORA_EXCESS),
        tracache(one, large, 20, 2, 2, 11.17, TRACACHE_EXCESS),
        tracache(one, large, 20, 3, 2, 7.91, TRACACHE_EXCESS),
        tracache(one, large, 20, 4, 2, 5.61, TRACACHE_EXCESS),
        Row(three, dit_xl, 50, 11.44),
        fora(three, dit_xl, 50, 3, 4.12),
        tracache(three, dit_xl, 50, 3, 3, 4.19, OUTLIER),
        tracache(three, dit_xl, 50, 4, 4, 3.22),
        tracache(three, dit_xl, 50, 5, 4, 2.54),
        Row(eight, dit_xl, 250, 57.20),
        fora(eight, dit_xl, 250, 3, 19.22),
        tracache(eight, dit_xl, 250, 3, 3, 19.34),
    )


ROWS = _rows()
