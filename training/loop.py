"""The training loop that all denoisers share: one model, one loss, a clock, checkpoints, and a report."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from ema import Ema
from history import History
from optimizers import Optimizers
from schedule import cosine
from torch import Tensor, nn
from tqdm import tqdm

HERE = Path(__file__).parent


class Batches(Protocol):
    """Draws training batches from a state of its own, so that a resumed run goes on drawing."""

    def state(self) -> dict[str, Tensor]:
        """Where in its random draws the run is."""
        ...

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Takes over what `state` returned."""
        ...


Loss = Callable[[Callable[..., object]], tuple[Tensor, float]]
"""Given the (compiled) model: the loss to lower, and the plain squared error for the curve."""

Report = Callable[[dict[str, Tensor], int], dict[str, float]]
"""Given averaged weights and the step: saves a sheet of samples and returns scores."""


def common_options(parser: argparse.ArgumentParser, name: str) -> None:
    """The options that every denoiser's script has."""
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--name", default=name, help="of the checkpoint and of the curve")
    parser.add_argument("--steps", type=int, default=200_000, help="at most this many")
    parser.add_argument("--minutes", type=float, default=63.0, help="at most this long")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--optimizer", choices=["adamw", "muon"], default="muon")
    parser.add_argument("--dropout", type=float, default=0.1, help="share of samples without condition")
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report-minutes", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=0)


class Trainer:
    """The whole state of a run, so that it can be saved and picked up at any step.

    ``about`` goes into the checkpoint as it is, for who reads it.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        model: nn.Module,
        batches: Batches,
        loss: Loss,
        about: dict[str, object] | None = None,
    ) -> None:
        self.args, self.model, self.batches, self.loss, self.about = args, model, batches, loss, about or {}
        self.forward = torch.compile(model) if args.compile else model
        self.optimizers = Optimizers(model, args.optimizer, args.lr)
        self.ema = Ema(model, args.ema)
        self.history = History(args.results / f"{args.name}_loss.json")
        self.path = args.work / f"{args.name}.pt"
        self.step = 0
        self.seconds = 0.0

    def progress(self) -> float:
        """How much of the run is over, 0 to 1, by steps or by the clock, whichever ends first.

        On a shared machine the step rate cannot be known ahead; this way the learning rate
        still comes down to zero on time.
        """
        return max(self.step / self.args.steps, self.seconds / (60 * self.args.minutes))

    def train_step(self) -> float:
        """One update; returns the plain (unweighted) squared error."""
        began = time.time()
        factor = min(1.0, (self.step + 1) / self.args.warmup) * cosine(self.progress())
        loss, error = self.loss(self.forward)
        loss.backward()
        self.optimizers.step(factor)
        self.ema.update(self.step)
        self.step += 1
        self.seconds += time.time() - began
        return error

    def save(self) -> None:
        """Writes everything a later process needs to go on from this step."""
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema.state(),
            "optimizers": self.optimizers.state(),
            "batches": self.batches.state(),
            "history": self.history.rows,
            "step": self.step,
            "seconds": self.seconds,
            **self.about,
        }
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.path)  # a cut-off write must not cost the run

    def resume(self) -> None:
        """Goes on from the checkpoint in the work folder, where there is one."""
        if not self.path.exists():
            return
        state = torch.load(self.path)
        self.model.load_state_dict(state["model"])
        self.ema.load_state(state["ema"])
        self.optimizers.load_state(state["optimizers"])
        self.batches.load_state(state["batches"])
        self.history.rows = state["history"]
        self.step, self.seconds = state["step"], state["seconds"]


def _report(trainer: Trainer, report: Report) -> None:
    """Scores and saves. The time this takes counts, so that a run ends when it said it would."""
    began = time.time()
    scores = report(trainer.ema.state(), trainer.step)
    trainer.history.add(step=trainer.step, **scores)
    print(f"\nstep {trainer.step}: {scores}", flush=True)
    trainer.seconds += time.time() - began
    trainer.save()


def train(trainer: Trainer, report: Report) -> None:
    """Trains until the steps or the minutes are over, from where the checkpoint left off."""
    trainer.resume()
    args, losses, last, mark = trainer.args, [], time.time(), time.time()
    bar = tqdm(initial=trainer.step, unit="step", mininterval=20)
    while trainer.progress() < 1.0:
        losses.append(trainer.train_step())
        bar.update()
        if trainer.step % 100 == 0:
            rate = len(losses) * args.batch / (time.time() - mark)
            loss = sum(losses) / len(losses)
            minutes = trainer.seconds / 60
            trainer.history.add(step=trainer.step, minutes=minutes, loss=loss, samples_per_s=rate)
            left = minutes * (1 / trainer.progress() - 1)
            bar.set_postfix(loss=f"{loss:.4f}", samples_s=f"{rate:.0f}", minutes_left=f"{left:.0f}")
            losses, mark = [], time.time()
        if time.time() - last > args.report_minutes * 60:
            _report(trainer, report)
            losses, last, mark = [], time.time(), time.time()
    _report(trainer, report)
    trainer.history.plot(["loss"])
