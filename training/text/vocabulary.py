"""Two tokenizers in the stock classes whose every token is a whole word of the captions."""

from __future__ import annotations

import json

from shapes.captions import COLOURS, RELATIONS, SHAPES, SIZES, TONES
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer, T5Tokenizer

LENGTH = 20  # tokens; the longest caption has 15 words, and CLIP marks its start and its end

OTHER = ("a", "on", "plain", "background", "gradient", "stripes")


def words() -> list[str]:
    """Every word a caption can have, sorted."""
    phrases = [*COLOURS, *RELATIONS, *SHAPES, *SIZES, *TONES]
    return sorted({word for phrase in phrases for word in phrase.split()} | set(OTHER))


def t5_tokenizer() -> T5Tokenizer:
    """Unigram with one piece a word; an unknown word is `<unk>`."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    pieces += [(f"▁{word}", -1.0) for word in words()]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=LENGTH)


def clip_tokenizer() -> CLIPTokenizer:
    """Byte pairs learned from the words until each is one token; other words stay in pieces."""
    learner = Tokenizer(BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = WhitespaceSplit()
    alphabet = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    trainer = BpeTrainer(
        vocab_size=2000,
        min_frequency=1,
        initial_alphabet=alphabet,
        special_tokens=["<|startoftext|>", "<|endoftext|>"],
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    learner.train_from_iterator(words(), trainer)
    model = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    return CLIPTokenizer(vocab=model["vocab"], merges=merges, model_max_length=LENGTH)
