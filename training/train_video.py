"""Trains shapes-video on stored latents and sentences.

    python training/train_video.py

Needs `vae_described.pt`, `text_motion.pt`, `motion.pt`, and `t2i.pt` to start from. Resumes from `video.pt`
in the work folder where there is one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import LatteTransformer3DModel
from diffusion_loss import build_scheduler
from loop import Trainer, common_options, train
from motion_batches import MotionBatches
from t2i_model import build_pixart
from text.frozen import PAD
from text.motion import load_motion_t5
from torch import Tensor
from video_model import build_latte, freeze_pictures, start_from_t2i, text_as_piped, use_fast_attention
from video_sampling import report

SNR_GAMMA = 5.0


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common_options(parser, "video")
    parser.set_defaults(batch=8, report_minutes=15.0)
    parser.add_argument("--start", type=Path, help="checkpoint of shapes-t2i or of an earlier run of this")
    parser.add_argument("--vae", default="vae_described.pt")
    parser.add_argument("--freeze", action="store_true", help="train the frames' blocks and text layers only")
    parser.add_argument("--held-out", type=int, default=24, help="videos a report samples")
    return parser.parse_args()


def timestep_density() -> Tensor:
    """How often each of the 1000 timesteps is trained: (1000,), sums to 1.

    Eight frames of one thing show it through more noise than one does, so the bump lies higher than for
    pictures.
    """
    steps = torch.arange(1000, dtype=torch.float64)
    bump = torch.exp(-0.5 * ((steps - 520) / 210) ** 2)
    return (0.4 / 1000 + 0.6 * bump / bump.sum()).float()


def build(seed: int, start: Path, freeze: bool) -> LatteTransformer3DModel:
    """The model at its start, from averaged weights of shapes-t2i or of its own kind."""
    torch.manual_seed(seed)
    model, weights = build_latte(), torch.load(start, mmap=True)["ema"]
    if any(name.startswith("temporal") for name in weights):
        model.load_state_dict(weights)
    else:
        t2i = build_pixart()
        t2i.load_state_dict(weights)
        start_from_t2i(model, t2i)
    if freeze:
        freeze_pictures(model)
    use_fast_attention(model)
    return model.train()


class Loss:
    """Squared error of the predicted noise, with min-SNR weights."""

    def __init__(self, batches: MotionBatches, t5: torch.nn.Module) -> None:
        self.batches, self.t5 = batches, t5
        self.alphas = build_scheduler().alphas_cumprod.float()
        self.cdf = timestep_density().cumsum(0)

    def __call__(self, model: Callable[..., object]) -> tuple[Tensor, float]:
        """The weighted loss of one batch and its plain squared error."""
        drawn = self.batches.draw()
        noise = self.batches.noise(drawn.clean.shape)
        times = torch.searchsorted(self.cdf, self.batches.spots()).clamp(max=999)
        alpha = self.alphas[times]
        mix = alpha[:, None, None, None, None]
        noised = mix.sqrt() * drawn.clean + (1 - mix).sqrt() * noise
        mask = (drawn.tokens != PAD).long()
        with torch.no_grad():
            text = self.t5(drawn.tokens, attention_mask=mask)[0]
        text, bias = text_as_piped(text, mask, drawn.dropped, drawn.totals)
        with torch.autocast("cpu", torch.bfloat16):
            output = model(
                noised,
                timestep=times,
                encoder_hidden_states=text,
                # Unlike the text itself, the model does not repeat its mask for every frame.
                encoder_attention_mask=bias.repeat_interleave(noised.shape[2], dim=0),
                return_dict=False,
            )[0]
        errors = (output[:, :4].float() - noise).square().mean(dim=(1, 2, 3, 4))
        snr = alpha / (1 - alpha)
        weights = snr.clamp(max=SNR_GAMMA) / snr
        return (errors * weights).mean(), errors.mean().item()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    t5 = load_motion_t5(args.work / "text_motion.pt")
    batches = MotionBatches(args.work / "motion.pt", args.batch, args.seed + 1, args.dropout)
    model = build(args.seed, args.start or args.work / "t2i.pt", args.freeze)
    trainer = Trainer(args, model, batches, Loss(batches, t5))
    sheet = args.results / f"{args.name}_progress.png"
    train(trainer, report(args.work / args.vae, t5, args.held_out, sheet))


if __name__ == "__main__":
    main()
