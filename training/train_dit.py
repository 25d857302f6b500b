"""Trains the diffusion transformer on stored latents. Needs `vae.pt` and `latents.pt`.

    python training/train_dit.py

Resumes from `<name>.pt` in the work folder where there is one. Writes that checkpoint, the loss
curve, and every few minutes a sheet of samples with the judge's score to results.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from attention import use_small_attention
from diffusers import AutoencoderKL, DiTTransformer2DModel
from diffusion_loss import Batches
from dit_model import build_dit, init_dit, shrink_labels
from grid import save_grid
from judge import classifier_module
from loop import Trainer, common_options, train
from sampling import build_pipeline, generate, score
from shapes import CLASS_NAMES
from torch import Tensor
from vae_model import load_vae


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common_options(parser, "dit")
    parser.add_argument("--start", type=Path, help="weights of an earlier run, from unpack.py")
    parser.add_argument("--latents", default="latents.pt", help="file name in the work folder")
    parser.add_argument(
        "--hard",
        nargs="*",
        default=[],
        choices=CLASS_NAMES,
        metavar="CLASS",
        help="classes to show more often",
    )
    parser.add_argument("--hard-repeats", type=int, default=3)
    parser.add_argument("--snr-gamma", type=float, default=5.0)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--head-dim", type=int, default=32)
    return parser.parse_args()


def build(shape: dict[str, int], start: Path | None, seed: int) -> DiTTransformer2DModel:
    """The model at its start: drawn, or with the weights of an earlier run."""
    torch.manual_seed(seed)
    model = build_dit(**shape)
    init_dit(model)
    shrink_labels(model)
    if start:
        model.load_state_dict(torch.load(start)["ema"])
    use_small_attention(model)
    return model.train()


class Loss:
    """Weighted squared error of the noise."""

    def __init__(self, batches: Batches, dropout: float, gamma: float) -> None:
        self.batches, self.dropout, self.gamma = batches, dropout, gamma

    def __call__(self, model: Callable[..., object]) -> tuple[Tensor, float]:
        """The loss of one batch, and without its weights."""
        noised, timesteps, labels, noise = self.batches.draw(self.dropout)
        with torch.autocast("cpu", torch.bfloat16):
            output = model(noised, timesteps, labels, return_dict=False)[0]
        errors = (output.float() - noise).square().mean(dim=(1, 2, 3))
        weighted = errors * self.batches.weights(timesteps, self.gamma)
        return weighted.mean(), errors.mean().item()


class Report:
    """Saves a sheet of ten samples per class, and has the judge score them."""

    def __init__(self, vae: AutoencoderKL, shape: dict[str, int], sheet: Path) -> None:
        self.vae, self.shape, self.sheet = vae, shape, sheet

    def __call__(self, weights: dict[str, Tensor], step: int) -> dict[str, float]:
        """The share of samples that show their class; nothing while the judge is still in training."""
        pipe = build_pipeline(weights, self.vae, self.shape)
        labels = [kind for kind in range(12) for _ in range(10)]
        images = generate(pipe, labels, guidance=3.0, steps=25, seed=10_000, batch=60)
        save_grid(images * 2 - 1, 20, self.sheet)
        module = classifier_module()
        if not module.CLASSIFIER_FOLDER.exists():
            return {}
        return {"accuracy": score(module.load_classifier(), images, labels)["accuracy"]}


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    shape = {"layers": args.layers, "heads": args.heads, "head_dim": args.head_dim}
    repeats = {CLASS_NAMES.index(name): args.hard_repeats for name in args.hard}
    batches = Batches(torch.load(args.work / args.latents), args.batch, args.seed + 1, repeats)
    loss = Loss(batches, args.dropout, args.snr_gamma)
    trainer = Trainer(args, build(shape, args.start, args.seed), batches, loss, {"shape": shape})
    train(trainer, Report(load_vae(args.work / "vae.pt"), shape, args.results / f"{args.name}_progress.png"))


if __name__ == "__main__":
    main()
