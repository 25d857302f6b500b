"""Trains the autoencoder of shapes-dit further, on the smaller objects of described scenes. Needs `vae.pt`.

    python training/tune_vae.py

The latent stays close to what it was, so that shapes-dit's weights remain a good start for models over
it. Writes `vae_described.pt` to the work folder, the loss curve and a sheet of reconstructions to results.
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
from shapes.dataset import HELD_OUT_SEED, TRAIN_SEED
from shapes.described import render_described
from tqdm import tqdm
from train_vae import train_step
from vae_model import load_vae

HERE = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=6e-4)
    parser.add_argument("--kl", type=float, default=3e-5, help="weight of the KL per latent value")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def train(args: argparse.Namespace) -> AutoencoderKL:
    vae = load_vae(args.work / "vae.pt").requires_grad_(True).train()
    optimizer = torch.optim.AdamW(vae.parameters(), betas=(0.9, 0.99), weight_decay=1e-3, fused=True)
    history = History(args.results / "vae_described_loss.json")
    bar = tqdm(range(args.steps), unit="step", mininterval=10)
    for step in bar:
        set_lr(optimizer, args.lr, lr_factor(step, args.steps, warmup=50))
        images, _ = render_described(TRAIN_SEED, step * args.batch, args.batch)
        loss, kl = train_step(vae, optimizer, images, args.kl)
        if step % 50 == 0 or step == args.steps - 1:
            history.add(step=step, loss=loss, kl=kl)
            bar.set_postfix(loss=f"{loss:.4f}", kl=f"{kl:.2f}")
    history.plot(["loss"])
    return vae.eval().requires_grad_(False)


@torch.no_grad()
def report(vae: AutoencoderKL, path: Path) -> dict[str, float]:
    """Saves held-out pictures above their reconstructions; PSNR in dB and the latent's spread."""
    images, _ = render_described(HELD_OUT_SEED, 0, 192)
    latents = torch.cat([vae.encode(part).latent_dist.mode() for part in images.split(64)])
    output = torch.cat([vae.decode(part).sample for part in latents.split(64)])
    error = ((output - images) / 2).square().mean(dim=(1, 2, 3))
    rows = [torch.cat([images[i : i + 12], output[i : i + 12]]) for i in range(0, 36, 12)]
    save_grid(torch.cat(rows), 12, path)
    return {"psnr": float((-10 * error.log10()).mean()), "latent_std": float(latents.std())}


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    began = time.time()
    sheet = args.results / "vae_described_reconstructions.png"
    print("before:", report(load_vae(args.work / "vae.pt"), sheet))
    vae = train(args)
    torch.save(vae.state_dict(), args.work / "vae_described.pt")
    print(f"{time.time() - began:.0f} s, after:", report(vae, sheet))


if __name__ == "__main__":
    main()
