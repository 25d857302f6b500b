"""Facts about a model family that cannot be seen by running it."""

from __future__ import annotations

from dataclasses import dataclass

from foretrace.schedule import Anchor


@dataclass(frozen=True)
class ModelSpec:
    """Plain data about one denoiser class.

    ``anchor``: where the papers anchored strides on this family. ``stacks``: attribute names of the block
    lists, where the general rule of ``models/stacks.py`` does not find them; empty means: use the rule.
    ``no_stack``: why its blocks are none that could be passed over together, where that is so. ``time``: the
    argument that holds the time, where its name is none of the usual ones.
    """

    anchor: Anchor = "first"
    stacks: tuple[str, ...] = ()
    no_stack: str = ""
    time: str = ""


SPECS: dict[str, ModelSpec] = {
    # FORA and TraCache count DiT's steps down to 0 and compute that one; every later family counts up.
    "DiTTransformer2DModel": ModelSpec(anchor="last"),
    "T5FilmDecoder": ModelSpec(time="decoder_noise_time"),
    "Cosmos3OmniTransformer": ModelSpec(time="vision_timesteps"),
    "RFD4ProteinaTransformer": ModelSpec(time="bb_ca_time"),
    "UNet2DConditionModel": ModelSpec(no_stack="its skip connections join blocks on the way down and up"),
}


def find_spec(denoiser: object) -> ModelSpec:
    """The spec of the denoiser's class, or of the nearest base class that has one."""
    for cls in type(denoiser).__mro__:
        if cls.__name__ in SPECS:
            return SPECS[cls.__name__]
    return ModelSpec()
