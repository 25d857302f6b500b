"""Motion regularisation (MoReg, AdaCache): videos whose frames differ much are computed more often.

    m = sum|r[f+1] - r[f]| / (sum|r[f+1]| + sum|r[f]|),    f: the frames of the residual r
    g = (m / scale)^power inside of the window, 1 outside
    factor = g + |gradient (g - g_before) / elapsed|

Released with AdaCache for Open-Sora (AdaCache-DiT), whose tokens lie frame by frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from foretrace.checks import at_least, between
from foretrace.errors import ClockError, UnsupportedModel
from foretrace.gate.base import Signal
from foretrace.history import Feature


@dataclass(frozen=True)
class MoReg:
    """By how much the frames' differences multiply a rate of change.

    Args:
        scale: the frame difference that counts as 1; .385 was found on Open-Sora, and is the model's own.
        power: how sharply it tells more from less motion.
        gradient: the weight of its change since the last computed step.
        begin: the share of the run from which on motion counts.
        end: and up to which.
        frames: latent frames. ``None``: the third size of a latent of shape (samples, channels, frames,
            height, width), as most video models take it.
    """

    scale: float = 0.385
    power: float = 8.0
    gradient: float = 10.0
    begin: float = 0.1
    end: float = 0.9
    frames: int | None = None

    def __post_init__(self) -> None:
        between("scale", self.scale, 1e-6, 1e6)
        between("power", self.power, 0.0, 100.0)
        between("gradient", self.gradient, 0.0, 1e6)
        between("begin", self.begin, 0.0, self.end)
        between("end", self.end, 0.0, 1.0)
        if self.frames is not None:
            at_least("frames", self.frames, 2)

    def strength(self, residual: Feature, signal: Signal) -> float:
        """``g`` at the signal's step; read from the device.

        Raises:
            ClockError: the run's length is not known.
            UnsupportedModel: the latent is no video, or its frames cannot be told in the residual.
        """
        total = signal.step.total
        if total is None:
            raise ClockError(
                "MoReg got a run of unknown length; expected the number of steps. Pass steps=... to "
                "accelerate or attach."
            )
        frames = self.frames or frames_of(signal.latent)
        number = signal.step.index + 1  # the release counts from 1
        if not round(self.begin * total) <= number <= round(self.end * total):
            return 1.0
        largest = max(residual, key=Tensor.numel)  # the video's tokens, not the text's
        samples = signal.step.batch or len(signal.latent)
        return (frame_difference(by_frames(largest, samples, frames)) / self.scale) ** self.power

    def factor(self, strength: float, before: float, elapsed: int) -> float:
        """What the rate is multiplied by, ``before`` being the strength at the last computed step."""
        return strength + abs(self.gradient * (strength - before) / elapsed)


def frames_of(latent: Tensor) -> int:
    """The frames of a latent of shape (samples, channels, frames, height, width), at least two."""
    if latent.ndim != 5 or latent.shape[2] < 2:
        raise UnsupportedModel(
            f"MoReg got a latent of shape {tuple(latent.shape)}; expected a video of shape (samples, "
            "channels, frames, height, width) with at least two frames. Use motion='none' on images, or "
            "pass frames=... where videos come in another shape."
        )
    return latent.shape[2]


def by_frames(x: Tensor, samples: int, frames: int) -> Tensor:
    """``x`` as (samples, frames, rest): tokens frame by frame, or frames or places folded into the batch."""
    folded = len(x) == samples * frames
    turned = x.ndim == 3 and x.shape[1] == frames and len(x) != samples and len(x) % samples == 0
    whole = len(x) == samples and x.ndim == 3 and x.shape[1] % frames == 0
    if folded + turned + whole != 1:
        raise UnsupportedModel(
            f"MoReg got a feature of shape {tuple(x.shape)} in a call of {samples} videos of {frames} "
            "frames; expected (samples, frames * tokens, channels), (samples * frames, tokens, channels) or "
            "(samples * tokens, frames, channels), and only one of them. Watch another block, pass "
            "frames=..., or use motion='none'."
        )
    if turned:
        return x.reshape(samples, -1, frames, x.shape[2]).transpose(1, 2).flatten(2)
    return x.reshape(samples, frames, -1)


def frame_difference(x: Tensor) -> float:
    """``m`` of ``x`` of shape (samples, frames, rest), 0 to 1; NaN where all is 0."""
    later, earlier = x[:, 1:].float(), x[:, :-1].float()
    return float((later - earlier).abs().sum() / (later.abs().sum() + earlier.abs().sum()))
