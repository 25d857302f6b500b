"""Teaches the pictures' T5 the words of motion. Needs `text.pt`; writes `text_motion.pt` to the work folder.

    python training/train_motion_text.py

A denoiser that starts from shapes-t2i knows the vectors of the old T5. So the words that a video's sentence
shares with its picture's keep their vectors, but for a part that tells how the thing moves: the words of
the thing and of its motion must tell that on their own.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from history import History
from schedule import lr_factor, set_lr
from shapes.motion import MOTIONS, MotionDescription, sample_motion
from text.encoders import WIDTH
from text.frozen import load_encoders
from text.motion import build_motion_t5, motion_tokenizer
from text.vocabulary import LENGTH
from torch import Tensor, nn
from tqdm import tqdm
from transformers import T5EncoderModel

HERE = Path(__file__).parent
SEED, HELD_OUT = 0, 1_000_003
OLD = 30.0  # weight of the old vectors' relative squared error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


class Reader(nn.Module):
    """The new T5, the old one to stay close to, and a linear layer that tells the motion."""

    def __init__(self, old: T5EncoderModel) -> None:
        super().__init__()
        self.old = old
        self.new = build_motion_t5(old.state_dict()).train().requires_grad_(True)
        self.head = nn.Linear(WIDTH, len(MOTIONS))
        self.tokenizer = motion_tokenizer()

    def _read(self, model: T5EncoderModel, captions: list[str]) -> Tensor:
        """(captions, LENGTH, WIDTH), padding masked as LattePipeline masks it."""
        tokens = self.tokenizer(captions, padding="max_length", max_length=LENGTH, return_tensors="pt")
        return model(tokens.input_ids, attention_mask=tokens.attention_mask)[0]

    def errors(self, batch: list[MotionDescription]) -> tuple[Tensor, Tensor, float]:
        """Cross entropy of the motion, relative squared distance of shared words, share told right."""
        new = self._read(self.new, [*(one.caption for one in batch), ""])
        with torch.no_grad():
            old = self._read(self.old, [*(one.picture.caption for one in batch), ""])
        own, kept, moved, motions = [new[-1, :1]], [old[-1, :1]], [], []
        for row, one in enumerate(batch):
            thing, motion, ground = (len(phrase.split()) for phrase in one.phrases)
            own += [new[row, :thing], new[row, thing + motion :][: ground + 1]]  # and the sentence's end
            kept += [old[row, : thing + ground + 1]]
            moved.append(new[row, : thing + motion])
            motions += [list(MOTIONS).index(one.motion)] * (thing + motion)
        target = torch.cat(kept)
        miss = (torch.cat(own) - target).square().mean() / target.square().mean()
        logits, codes = self.head(torch.cat(moved)), torch.tensor(motions)
        return F.cross_entropy(logits, codes), miss, float((logits.argmax(1) == codes).float().mean())


def descriptions(seed: int, start: int, count: int) -> list[MotionDescription]:
    return [sample_motion(np.random.default_rng((seed, i))) for i in range(start, start + count)]


def train(args: argparse.Namespace, reader: Reader) -> None:
    trained = [*reader.new.parameters(), *reader.head.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=args.lr, weight_decay=0.0)
    history = History(args.results / "text_motion_loss.json")
    bar = tqdm(range(args.steps), unit="step", mininterval=10)
    for step in bar:
        set_lr(optimizer, args.lr, lr_factor(step, args.steps, warmup=50))
        motion, miss, right = reader.errors(descriptions(SEED, step * args.batch, args.batch))
        optimizer.zero_grad()
        (motion + OLD * miss).backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        if step % 50 == 0 or step == args.steps - 1:
            history.add(step=step, motion=motion.item(), miss=miss.item(), right=right)
            bar.set_postfix(motion=f"{motion.item():.4f}", miss=f"{miss.item():.4f}")
    history.plot(["motion", "miss"])


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    began = time.time()
    reader = Reader(load_encoders(args.work / "text.pt")[0])
    train(args, reader)
    with torch.no_grad():
        _, miss, right = reader.errors(descriptions(HELD_OUT, 0, 1000))
    torch.save(reader.new.state_dict(), args.work / "text_motion.pt")
    print(
        f"{time.time() - began:.0f} s; held-out: motion told right {right:.4f}, old vectors miss {miss:.4f}"
    )


if __name__ == "__main__":
    main()
