"""DDPM with the same noises in every run, so that a run can be compared with the uncached one."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler


class PairedDDPMScheduler(DDPMScheduler):
    """diffusers' DDPM, whose noises start anew from one seed with every run.

    Pipelines such as DiT's pass no generator to ``step``: their noises would come from torch's global one,
    and two runs of the same call would be two other pictures.
    """

    def set_timesteps(self, *args: Any, **kwargs: Any) -> None:
        """As DDPM's; a run begins."""
        super().set_timesteps(*args, **kwargs)
        self._noises = torch.Generator().manual_seed(0)

    def step(
        self, model_output: Any, timestep: int, sample: Any, generator: Any = None, return_dict: bool = True
    ) -> Any:
        """As DDPM's, with noises of its own where it is given no generator."""
        noises = self._noises if generator is None else generator
        return super().step(model_output, timestep, sample, noises, return_dict)
