"""Trains the diffusion transformer on stored latents. Needs `vae.pt` and `latents.pt`.

    python training/train_dit.py

Resumes from `<name>.pt` in the work folder where there is one. Writes that checkpoint, the loss
curve, and every few minutes a sheet of samples with the judge's score to results.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from attention import use_small_attention
from diffusers import AutoencoderKL, DiTTransformer2DModel
from diffusion_loss import Batches
from dit_model import build_dit, init_dit, shrink_labels
from ema import Ema
from grid import save_grid
from history import History
from judge import classifier_module
from optimizers import Optimizers
from sampling import build_pipeline, generate, score
from schedule import cosine
from shapes import CLASS_NAMES
from tqdm import tqdm
from vae_model import load_vae

HERE = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--name", default="dit", help="of the checkpoint and of the curve")
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
    parser.add_argument("--steps", type=int, default=20000, help="at most this many")
    parser.add_argument("--minutes", type=float, default=63.0, help="at most this long")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--optimizer", choices=["adamw", "muon"], default="muon")
    parser.add_argument("--label-dropout", type=float, default=0.1)
    parser.add_argument("--snr-gamma", type=float, default=5.0)
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--head-dim", type=int, default=32)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sample-minutes", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Trainer:
    """The whole state of a run, so that it can be saved and picked up at any step."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.shape = {"layers": args.layers, "heads": args.heads, "head_dim": args.head_dim}
        self.model = self._build_model()
        self.forward = torch.compile(self.model) if args.compile else self.model
        self.optimizers = Optimizers(self.model, args.optimizer, args.lr)
        self.ema = Ema(self.model, args.ema)
        repeats = {CLASS_NAMES.index(name): args.hard_repeats for name in args.hard}
        latents = torch.load(args.work / args.latents)
        self.batches = Batches(latents, args.batch, args.seed + 1, repeats)
        self.history = History(args.results / f"{args.name}_loss.json")
        self.step = 0
        self.seconds = 0.0

    def progress(self) -> float:
        """How much of the run is over, 0 to 1, by steps or by the clock, whichever ends first.

        On a shared machine the step rate cannot be known ahead; this way the learning rate
        still comes down to zero on time.
        """
        return max(self.step / self.args.steps, self.seconds / (60 * self.args.minutes))

    def _build_model(self) -> DiTTransformer2DModel:
        model = build_dit(**self.shape)
        init_dit(model)
        shrink_labels(model)
        if self.args.start:
            model.load_state_dict(torch.load(self.args.start)["ema"])
        use_small_attention(model)
        return model.train()

    def train_step(self) -> float:
        """One update; returns the plain (unweighted) squared error of the noise."""
        began = time.time()
        factor = min(1.0, (self.step + 1) / self.args.warmup) * cosine(self.progress())
        noised, timesteps, labels, noise = self.batches.draw(self.args.label_dropout)
        with torch.autocast("cpu", torch.bfloat16):
            output = self.forward(noised, timesteps, labels, return_dict=False)[0]
        errors = (output.float() - noise).square().mean(dim=(1, 2, 3))
        (errors * self.batches.weights(timesteps, self.args.snr_gamma)).mean().backward()
        self.optimizers.step(factor)
        self.ema.update(self.step)
        self.step += 1
        self.seconds += time.time() - began
        return errors.mean().item()

    def save(self) -> None:
        """Writes everything a later process needs to go on from this step."""
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema.state(),
            "optimizers": self.optimizers.state(),
            "batches": self.batches.state(),
            "history": self.history.rows,
            "shape": self.shape,
            "step": self.step,
            "seconds": self.seconds,
        }
        path = self.args.work / f"{self.args.name}.pt"
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)  # a cut-off write must not cost the run

    def resume(self) -> None:
        """Goes on from the checkpoint in the work folder, where there is one."""
        path = self.args.work / f"{self.args.name}.pt"
        if not path.exists():
            return
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        self.ema.load_state(state["ema"])
        self.optimizers.load_state(state["optimizers"])
        self.batches.load_state(state["batches"])
        self.history.rows = state["history"]
        self.step, self.seconds = state["step"], state["seconds"]


def report(trainer: Trainer, vae: AutoencoderKL) -> None:
    """Saves a checkpoint and a sheet of ten samples per class, and notes the judge's score.

    The time this takes counts as training time, so that a run ends when it said it would.
    """
    began = time.time()
    pipe = build_pipeline(trainer.ema.state(), vae, trainer.shape)
    labels = [kind for kind in range(12) for _ in range(10)]
    images = generate(pipe, labels, guidance=3.0, steps=25, seed=10_000, batch=60)
    save_grid(images * 2 - 1, 20, trainer.args.results / f"{trainer.args.name}_progress.png")
    module = classifier_module()
    if module.CLASSIFIER_FOLDER.exists():  # the judge may still be in training beside this run
        accuracy = score(module.load_classifier(), images, labels)["accuracy"]
        trainer.history.add(step=trainer.step, accuracy=accuracy)
        print(f"\nstep {trainer.step}: accuracy {accuracy:.3f}", flush=True)
    trainer.seconds += time.time() - began
    trainer.save()


def train(trainer: Trainer, vae: AutoencoderKL) -> None:
    args, losses, last, mark = trainer.args, [], time.time(), time.time()
    bar = tqdm(initial=trainer.step, unit="step", mininterval=20)
    while trainer.progress() < 1.0:
        losses.append(trainer.train_step())
        bar.update()
        if trainer.step % 100 == 0:
            rate = len(losses) * args.batch / (time.time() - mark)
            loss = sum(losses) / len(losses)
            minutes = trainer.seconds / 60
            trainer.history.add(step=trainer.step, minutes=minutes, loss=loss, images_per_s=rate)
            left = minutes * (1 / trainer.progress() - 1)
            bar.set_postfix(loss=f"{loss:.4f}", images_s=f"{rate:.0f}", minutes_left=f"{left:.0f}")
            losses, mark = [], time.time()
        if time.time() - last > args.sample_minutes * 60:
            report(trainer, vae)
            losses, last, mark = [], time.time(), time.time()
    report(trainer, vae)
    trainer.history.plot(["loss"])


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    trainer = Trainer(args)
    trainer.resume()
    train(trainer, load_vae(args.work / "vae.pt"))


if __name__ == "__main__":
    main()
