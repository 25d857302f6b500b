"""What one training step asks of the diffusion transformer."""

from __future__ import annotations

import torch
from diffusers import DDIMScheduler
from dit_model import NULL_ROW
from torch import Tensor


def build_scheduler() -> DDIMScheduler:
    """The noise schedule of the DiT paper: linear betas, 1000 steps, noise prediction."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=2e-2,
        beta_schedule="linear",
        prediction_type="epsilon",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=0,
        timestep_spacing="leading",
    )


def timestep_density() -> Tensor:
    """How often each of the 1000 timesteps is trained: (1000,), sums to 1.

    Half of a linear schedule is almost pure noise and its start is almost clean; which shape
    comes out is settled in between. A short training is better spent there.
    """
    steps = torch.arange(1000, dtype=torch.float64)
    bump = torch.exp(-0.5 * ((steps - 380) / 160) ** 2)
    return (0.4 / 1000 + 0.6 * bump / bump.sum()).float()


class Batches:
    """Draws noised training batches from the stored latents, all from one generator."""

    def __init__(self, latents: dict[str, Tensor], size: int, seed: int, repeats: dict[int, int]) -> None:
        self.latents = latents
        # A class with repeats 3 comes up three times in each pass over the data.
        times = torch.ones(len(latents["labels"]), dtype=torch.int64)
        for kind, count in repeats.items():
            times[latents["labels"] == kind] = count
        self.pool = torch.arange(len(times)).repeat_interleave(times)
        self.size = size
        self.generator = torch.Generator().manual_seed(seed)
        self.alphas = build_scheduler().alphas_cumprod.float()
        self.timestep_cdf = timestep_density().cumsum(0)
        self.order = torch.empty(0, dtype=torch.int64)

    def rows(self) -> Tensor:
        """The next `size` row numbers of a shuffled pass over all latents."""
        if len(self.order) < self.size:
            order = torch.randperm(len(self.pool), generator=self.generator)
            self.order = self.pool[order]
        rows, self.order = self.order[: self.size], self.order[self.size :]
        return rows

    def draw(self, dropout: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Noised latents (size, 4, 16, 16), timesteps, labels with `dropout` of them null, noise.

        Timesteps are spread evenly over their distribution with one random offset, so that every
        batch covers the whole range and the loss is less noisy than with independent draws.
        """
        rows = self.rows()
        mean, std = self.latents["mean"][rows].float(), self.latents["std"][rows].float()
        clean = mean + std * torch.randn(mean.shape, generator=self.generator)
        noise = torch.randn(mean.shape, generator=self.generator)
        offset = torch.rand(1, generator=self.generator)
        spots = (torch.arange(self.size) + offset) / self.size
        timesteps = torch.searchsorted(self.timestep_cdf, spots).clamp(max=999)
        alpha = self.alphas[timesteps][:, None, None, None]
        noised = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        drop = torch.rand(self.size, generator=self.generator) < dropout
        labels = torch.where(drop, NULL_ROW, self.latents["labels"][rows])
        return noised, timesteps, labels, noise

    def weights(self, timesteps: Tensor, gamma: float) -> Tensor:
        """Min-SNR weights for noise prediction: (size,), 1 where the SNR is below `gamma`."""
        alpha = self.alphas[timesteps]
        snr = alpha / (1 - alpha)
        return snr.clamp(max=gamma) / snr

    def state(self) -> dict[str, Tensor]:
        """Where in its random draws the run is."""
        return {"generator": self.generator.get_state()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Takes over what `state` returned, and begins a new pass: the latents may be others."""
        self.generator.set_state(state["generator"])
        self.order = torch.empty(0, dtype=torch.int64)
