"""Trains shapes-t2i on stored latents and captions.

    python training/train_t2i.py

Needs `vae_described.pt`, `text.pt` and `described.pt`; starts from the shipped shapes-dit. Resumes from
`t2i.pt` in the work folder where there is one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from attention_text import use_small_attention
from described_batches import DescribedBatches
from diffusers import DiTPipeline, PixArtTransformer2DModel
from diffusion_loss import build_scheduler
from judge import PACKAGE_DEMO
from loop import Trainer, common_options, train
from t2i_model import build_pixart, start_from_dit
from t2i_sampling import report
from text.frozen import PAD, load_encoders
from torch import Tensor

SNR_GAMMA = 5.0


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common_options(parser, "t2i")
    return parser.parse_args()


def timestep_density() -> Tensor:
    """How often each of the 1000 timesteps is trained: (1000,), sums to 1.

    Where things are is settled earlier than what they are, so the bump lies higher than for one object.
    """
    steps = torch.arange(1000, dtype=torch.float64)
    bump = torch.exp(-0.5 * ((steps - 450) / 200) ** 2)
    return (0.4 / 1000 + 0.6 * bump / bump.sum()).float()


def build(seed: int) -> PixArtTransformer2DModel:
    """The model at its start."""
    torch.manual_seed(seed)
    model = build_pixart()
    dit = DiTPipeline.from_pretrained(PACKAGE_DEMO / "shapes-dit", torch_dtype=torch.float32).transformer
    print(f"shared modulation misses {start_from_dit(model, dit):.3f} of shapes-dit's", flush=True)
    use_small_attention(model.transformer_blocks)
    return model.train()


class Loss:
    """Squared error of the predicted noise, with min-SNR weights."""

    def __init__(self, batches: DescribedBatches, t5: torch.nn.Module) -> None:
        self.batches, self.t5 = batches, t5
        self.alphas = build_scheduler().alphas_cumprod.float()
        self.cdf = timestep_density().cumsum(0)

    def __call__(self, model: Callable[..., object]) -> tuple[Tensor, float]:
        """The weighted loss of one batch and its plain squared error."""
        clean, tokens = self.batches.draw()
        noise = self.batches.noise(clean.shape)
        times = torch.searchsorted(self.cdf, self.batches.spots()).clamp(max=999)
        alpha = self.alphas[times]
        mix = alpha[:, None, None, None]
        noised = mix.sqrt() * clean + (1 - mix).sqrt() * noise
        mask = (tokens["t5"] != PAD).long()
        with torch.no_grad():
            text = self.t5(tokens["t5"], attention_mask=mask)[0]
        with torch.autocast("cpu", torch.bfloat16):
            output = model(
                noised,
                encoder_hidden_states=text,
                encoder_attention_mask=mask,
                timestep=times,
                added_cond_kwargs={"resolution": None, "aspect_ratio": None},
                return_dict=False,
            )[0]
        errors = (output.float() - noise).square().mean(dim=(1, 2, 3))
        snr = alpha / (1 - alpha)
        weights = snr.clamp(max=SNR_GAMMA) / snr
        return (errors * weights).mean(), errors.mean().item()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    t5, _ = load_encoders(args.work / "text.pt")
    batches = DescribedBatches(args.work / "described.pt", args.batch, args.seed + 1, args.dropout)
    trainer = Trainer(args, build(args.seed), batches, Loss(batches, t5))
    train(trainer, report(args.work, args.results / f"{args.name}_progress.png"))


if __name__ == "__main__":
    main()
