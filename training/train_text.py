"""Trains the two text encoders on captions alone, before any picture is seen.

    python training/train_text.py

T5 learns to tell from each word's vector which thing the word belongs to and what that thing is; CLIP
learns to tell the whole sentence from its pooled vector. Both stay frozen afterwards, as published models
keep theirs. Writes `text.pt` to the work folder and the loss curve to results.
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
from shapes.captions import Description, sample_description
from text.encoders import WIDTH, build_clip, build_t5
from text.targets import SIZES_OF_GROUND, SIZES_OF_THING, sentence_codes, word_codes
from text.vocabulary import LENGTH, clip_tokenizer, t5_tokenizer
from torch import Tensor, nn
from tqdm import tqdm

HERE = Path(__file__).parent
SEED, HELD_OUT = 0, 1_000_003
IGNORED = -100


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


class Reader(nn.Module):
    """Both encoders and one linear layer an attribute; only the encoders are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.t5, self.clip = build_t5(), build_clip()
        self.t5_tokenizer, self.clip_tokenizer = t5_tokenizer(), clip_tokenizer()
        words = SIZES_OF_THING + SIZES_OF_GROUND
        sentence = SIZES_OF_THING * 2 + SIZES_OF_GROUND
        self.word_heads = nn.ModuleList(nn.Linear(WIDTH, size) for size in words)
        self.sentence_heads = nn.ModuleList(nn.Linear(WIDTH, size) for size in sentence)

    def errors(self, batch: list[Description], masked: bool) -> tuple[Tensor, Tensor, float]:
        """Cross entropy of the words and of the sentences, and the share of attributes told right.

        Some pipelines mask the padding and others do not, so both are trained.
        """
        captions = [description.caption for description in batch]
        options = {"padding": "max_length", "max_length": LENGTH, "return_tensors": "pt"}
        tokens = self.t5_tokenizer(captions, **options)
        vectors = self.t5(tokens.input_ids, attention_mask=tokens.attention_mask if masked else None)[0]
        rows = torch.full((len(batch), LENGTH, len(self.word_heads)), IGNORED)
        for i, description in enumerate(batch):
            codes = torch.tensor(word_codes(description))
            rows[i, : len(codes)] = codes
        words, words_right = _score(self.word_heads, vectors.flatten(0, 1), rows.flatten(0, 1))
        pooled = self.clip(self.clip_tokenizer(captions, **options).input_ids).pooler_output
        codes = torch.tensor([sentence_codes(description) for description in batch])
        sentences, sentences_right = _score(self.sentence_heads, pooled, codes)
        return words, sentences, min(words_right, sentences_right)


def _score(heads: nn.ModuleList, vectors: Tensor, codes: Tensor) -> tuple[Tensor, float]:
    """Mean cross entropy over the heads, and the share of all codes that are told right."""
    logits = [head(vectors) for head in heads]
    pairs = list(zip(logits, codes.unbind(1), strict=True))
    loss = torch.stack([F.cross_entropy(one, code, ignore_index=IGNORED) for one, code in pairs]).mean()
    counted = codes[:, 0] != IGNORED
    right = [(one.argmax(1) == code)[counted].float().mean() for one, code in pairs]
    return loss, float(torch.stack(right).mean())


def descriptions(seed: int, start: int, count: int) -> list[Description]:
    return [sample_description(np.random.default_rng((seed, i))) for i in range(start, start + count)]


def train(args: argparse.Namespace, reader: Reader) -> None:
    optimizer = torch.optim.AdamW(reader.parameters(), lr=args.lr, weight_decay=0.01)
    history = History(args.results / "text_loss.json")
    bar = tqdm(range(args.steps), unit="step", mininterval=10)
    for step in bar:
        set_lr(optimizer, args.lr, lr_factor(step, args.steps, warmup=100))
        batch = descriptions(SEED, step * args.batch, args.batch)
        words, sentences, right = reader.errors(batch, masked=step % 2 == 0)
        optimizer.zero_grad()
        (words + sentences).backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == args.steps - 1:
            history.add(step=step, words=words.item(), sentences=sentences.item(), right=right)
            bar.set_postfix(words=f"{words.item():.4f}", sentences=f"{sentences.item():.4f}")
    history.plot(["words", "sentences"])


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    args.work.mkdir(parents=True, exist_ok=True)
    began = time.time()
    reader = Reader()
    train(args, reader)
    with torch.no_grad():
        batch = descriptions(HELD_OUT, 0, 2000)
        right = [reader.errors(batch, masked)[2] for masked in (True, False)]
    torch.save({"t5": reader.t5.state_dict(), "clip": reader.clip.state_dict()}, args.work / "text.pt")
    print(f"{time.time() - began:.0f} s; held-out attributes told right, masked and not: {right}")


if __name__ == "__main__":
    main()
