"""SeaCache's gate: the drift of the modulated input's content, without the noise that still covers it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from foretrace.checks import between
from foretrace.errors import ClockError, InvalidSetting, UnsupportedModel
from foretrace.gate.accumulated import Accumulated
from foretrace.gate.base import Probe, Signal
from foretrace.gate.spectrum import content
from foretrace.history import Feature

COARSEST = 8
"""The largest patch, in entries of the latent, that is looked for."""


@dataclass(frozen=True)
class SeaCache(Accumulated):
    """Adds up ``mean|s_j - s_{j-1}| / mean|s_{j-1}|`` of the filtered modulated input s (`spectrum.py`).

    Args:
        threshold: of the sum; 0 computes every step, ``inf`` skips all that may be.
        power: of the prior; ``None``: 2 for pictures and 3 for videos, as released.
        grid: rows and columns of tokens, or frames, rows and columns, where the latent's shape does not tell
            them, as FLUX packs it: then a square without it.

    Raises:
        UnsupportedModel: the tokens of the first block fill no grid.
        ClockError: the noise is unknown, and so is the length of the run.
    """

    probe: ClassVar[Probe] = "modulated"

    power: float | None = None
    grid: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.power is not None:
            between("power", self.power, 0.1, 10.0)
        if self.grid and (len(self.grid) not in (2, 3) or min(self.grid) < 1):
            raise InvalidSetting(
                f"SeaCache got grid={self.grid}; expected 2 or 3 positive sizes. Pass e.g. grid=(64, 64)."
            )

    def shown(self, signal: Signal) -> Feature:
        """The filtered modulated input: (samples, *grid, channels)."""
        x = signal.probe[0]
        grid = self.grid or grid_of(x, signal.latent)
        if x.ndim != 3 or not grid or math.prod(grid) != x.shape[1]:
            raise UnsupportedModel(
                f"the first block is given tokens of shape {tuple(x.shape)} for a latent of shape "
                f"{tuple(signal.latent.shape)}; expected (samples, tokens, channels) whose tokens fill a "
                f"grid, and got the grid {grid or 'unknown'}. Pass grid=(rows, columns), or use 'teacache'."
            )
        power = self.power if self.power is not None else float(len(grid))
        return (content(x.reshape(len(x), *grid, x.shape[2]), noise_of(signal), power),)

    def rise(self, drift: float) -> float:
        """The drift itself."""
        return drift


def grid_of(tokens: Tensor, latent: Tensor) -> tuple[int, ...]:
    """Rows and columns, or frames, rows and columns, of the tokens of a latent; empty where unknown.

    ``tokens`` are (samples, tokens, channels), with frames possibly folded into the samples. Patches are
    square in space.
    """
    count = tokens.shape[1]
    if latent.ndim == 3:  # packed: only a square can be told
        side = math.isqrt(count)
        return (side, side) if side * side == count else ()
    rows, columns = latent.shape[-2:]
    frames = latent.shape[-3] if latent.ndim == 5 else 1
    for patch in range(1, COARSEST + 1):
        plane = (rows // patch) * (columns // patch)
        if plane == count:
            return rows // patch, columns // patch
        if plane and count % plane == 0 and count // plane in (frames, -(-frames // 2), frames // 2):
            return count // plane, rows // patch, columns // patch
    return ()


def noise_of(signal: Signal) -> float:
    """Noise over signal; without a sampler's levels the released guess, ``a^2 = (i + 1) / steps``."""
    if signal.noise is not None:
        return signal.noise
    if signal.step.total is None:
        raise ClockError(
            "SeaCache got a run of unknown length without a scheduler; expected the number of steps. Pass "
            "steps=... to accelerate or attach."
        )
    share = min((signal.step.index + 1) / signal.step.total, 1.0 - 1e-6)
    return math.sqrt((1.0 - share) / share)
