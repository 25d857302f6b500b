"""Trains the autoencoder of shapes-dit on freshly rendered pictures.

    python training/train_vae.py

Writes `vae.pt` to the work folder, the loss curve and a sheet of reconstructions to results.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from grid import save_grid
from history import History
from schedule import lr_factor, set_lr
from shapes import render_range
from shapes.dataset import HELD_OUT_SEED, TRAIN_SEED
from tqdm import tqdm
from vae_model import (
    build_vae,
    fold_scale,
    load_vae,
    measure_latents,
    reconstruction_loss,
    reset_bottleneck,
)

HERE = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--start", type=Path, help="weights whose layers, but not latent, to keep")
    parser.add_argument("--out", default="vae.pt", help="file name in the work folder")
    parser.add_argument("--steps", type=int, default=2900)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--kl", type=float, default=3e-5, help="weight of the KL per latent value")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def train_step(
    vae: AutoencoderKL, optimizer: torch.optim.Optimizer, images: torch.Tensor, kl_weight: float
) -> tuple[float, float]:
    """One update on (batch, 3, 64, 64); returns the reconstruction loss and the KL per value."""
    with torch.autocast("cpu", torch.bfloat16):
        posterior = vae.encode(images).latent_dist
        output = vae.decode(posterior.sample()).sample
    loss = reconstruction_loss(output.float(), images)
    kl = posterior.kl().float().mean() / posterior.mean[0].numel()
    optimizer.zero_grad()
    (loss + kl_weight * kl).backward()
    torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
    optimizer.step()
    return loss.item(), kl.item()


def train(args: argparse.Namespace) -> AutoencoderKL:
    vae = (load_vae(args.start) if args.start else build_vae()).requires_grad_(True).train()
    if args.start:
        reset_bottleneck(vae)
    optimizer = torch.optim.AdamW(
        vae.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=1e-3, fused=True
    )
    history = History(args.results / "vae_loss.json")
    bar = tqdm(range(args.steps), unit="step", mininterval=10)
    for step in bar:
        set_lr(optimizer, args.lr, lr_factor(step, args.steps, warmup=100))
        images, _ = render_range(args.seed, step * args.batch, args.batch)
        loss, kl = train_step(vae, optimizer, images, args.kl)
        if step % 50 == 0 or step == args.steps - 1:
            history.add(step=step, loss=loss, kl=kl)
            bar.set_postfix(loss=f"{loss:.4f}", kl=f"{kl:.2f}")
        if step % 500 == 0:
            report(vae, args.results)
    history.plot(["loss"])
    return vae.eval()


@torch.no_grad()
def report(vae: AutoencoderKL, results: Path) -> float:
    """Saves held-out pictures above their reconstructions; returns the mean PSNR in dB."""
    images, _ = render_range(HELD_OUT_SEED, 0, 256)
    output = torch.cat([vae.decode(vae.encode(part).latent_dist.mode()).sample for part in images.split(64)])
    error = ((output - images) / 2).square().mean(dim=(1, 2, 3))
    rows = [torch.cat([images[i : i + 12], output[i : i + 12]]) for i in range(0, 36, 12)]
    save_grid(torch.cat(rows), 12, results / "vae_reconstructions.png")
    return float((-10 * error.log10()).mean())


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    began = time.time()
    vae = train(args)
    mean, std = measure_latents(vae, TRAIN_SEED, 2048)
    fold_scale(vae, mean, std)
    torch.save(vae.state_dict(), args.work / args.out)
    print(f"{time.time() - began:.0f} s, held-out PSNR {report(vae, args.results):.2f} dB")
    print("latents before folding: mean", mean.tolist(), "std", std.tolist())
    print("after:", *measure_latents(vae, HELD_OUT_SEED, 512))


if __name__ == "__main__":
    main()
