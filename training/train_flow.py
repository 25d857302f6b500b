"""Trains shapes-flow on stored latents and captions: rectified flow with a small FLUX.

    python training/train_flow.py

Needs `vae_described.pt`, `text.pt` and `described.pt`. Resumes from `flow.pt` in the work folder where there
is one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from described_batches import DescribedBatches
from diffusers import FluxTransformer2DModel
from flow_model import build_flux, init_flux, pack, positions
from flow_sampling import report
from loop import Trainer, common_options, train
from text.frozen import load_encoders
from text.vocabulary import LENGTH
from torch import Tensor, nn


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common_options(parser, "flow")
    parser.add_argument("--centre", type=float, default=0.4, help="of the times trained, in log-odds")
    return parser.parse_args()


def build(seed: int) -> FluxTransformer2DModel:
    """The model at its start."""
    torch.manual_seed(seed)
    model = build_flux()
    init_flux(model)
    model.set_attention_backend("_native_math")  # the tiled kernel's backward is slow for 84 tokens
    return model.train()


class Loss:
    """Squared error of the velocity: noise less picture, along the straight line between them."""

    def __init__(self, batches: DescribedBatches, t5: nn.Module, clip: nn.Module, centre: float) -> None:
        self.batches, self.t5, self.clip, self.centre = batches, t5, clip, centre
        self.img_ids, self.txt_ids = positions(), torch.zeros(LENGTH, 3)

    def __call__(self, model: Callable[..., object]) -> tuple[Tensor, float]:
        """The loss of one batch, twice. Times are logit-normal (Esser et al. 2024)."""
        clean, tokens = self.batches.draw()
        clean = pack(clean)
        noise = self.batches.noise(clean.shape)
        spots = self.batches.spots().clamp(1e-4, 1 - 1e-4)
        sigma = torch.sigmoid(self.centre + torch.special.ndtri(spots))
        noised = torch.lerp(clean, noise, sigma[:, None, None])
        with torch.no_grad():
            text = self.t5(tokens["t5"])[0]  # the FLUX pipeline does not mask the padding
            pooled = self.clip(tokens["clip"]).pooler_output
        with torch.autocast("cpu", torch.bfloat16):
            output = model(
                hidden_states=noised,
                timestep=sigma,
                pooled_projections=pooled,
                encoder_hidden_states=text,
                img_ids=self.img_ids,
                txt_ids=self.txt_ids,
                return_dict=False,
            )[0]
        loss = (output.float() - (noise - clean)).square().mean()
        return loss, loss.item()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    t5, clip = load_encoders(args.work / "text.pt")
    batches = DescribedBatches(args.work / "described.pt", args.batch, args.seed + 1, args.dropout)
    trainer = Trainer(args, build(args.seed), batches, Loss(batches, t5, clip, args.centre))
    train(trainer, report(args.work, args.results / f"{args.name}_progress.png"))


if __name__ == "__main__":
    main()
