"""What each reference model is asked to draw, and how its pictures are scored."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from foretrace.demo.references import REFERENCES, reference, reference_folder

Score = Callable[[Tensor, Sequence[Any]], float]
"""Given pictures in [0, 1] and what was asked for: the share that shows it."""


@dataclass(frozen=True)
class Task:
    """A reference model with its conditions. ``argument`` is the call's name for them."""

    name: str
    pipe: Any
    argument: str
    asked: tuple[Any, ...]
    titles: tuple[str, ...]
    score_name: str
    scorer: Score

    @property
    def call(self) -> dict[str, Any]:
        """The keyword arguments that the model is meant to be called with."""
        return dict(REFERENCES[self.name].call)

    @property
    def steps(self) -> int:
        """The sampler's usual number of steps."""
        return int(self.call["num_inference_steps"])

    @cached_property
    def sampler(self) -> str:
        """The sampler in a word."""
        return type(self.pipe.scheduler).__name__.removesuffix("Scheduler")

    def arguments(self, numbers: Sequence[int], seed: int, steps: int | None = None) -> dict[str, Any]:
        """The call for the conditions ``numbers``: sample i from noise ``seed + i``."""
        call = self.call
        if "negative_prompt" in call:  # the pipeline wants as many as prompts
            call["negative_prompt"] = [call["negative_prompt"]] * len(numbers)
        generators = [torch.Generator().manual_seed(seed + i) for i in numbers]
        conditions = [self.conditions[i % len(self.conditions)] for i in numbers]
        call |= {self.argument: conditions, "generator": generators}
        return call if steps is None else call | {"num_inference_steps": steps}

    @property
    def conditions(self) -> list[Any]:
        """Class ids or sentences."""
        return [one["caption"] if isinstance(one, dict) else one for one in self.asked]

    def sample(self, count: int, seed: int, steps: int | None = None) -> Tensor:
        """Pictures of shape (count, 3, height, width) in [0, 1], or videos with frames before channels."""
        return self.draw(self.arguments(range(count), seed, steps))

    def draw(self, call: dict[str, Any]) -> Tensor:
        """The pictures or videos of one call."""
        output = self.pipe(**call, output_type="pt")
        return output.images if hasattr(output, "images") else output.frames

    def score(self, images: Tensor) -> float:
        """The share of ``images`` that show what was asked for; sample i had condition i."""
        asked = [self.asked[i % len(self.asked)] for i in range(len(images))]
        return self.scorer(images, asked)


def load_task(name: str) -> Task:
    """The task of a reference model. Raises `UnknownReference` where its files or its judge are missing."""
    pipe = reference(name)
    pipe.set_progress_bar_config(disable=True)
    if name == "shapes-dit":
        return _classes(name, pipe)
    return _moving(name, pipe) if name == "shapes-video" else _described(name, pipe)


def _classes(name: str, pipe: Any) -> Task:
    from foretrace.demo.classifier import load_classifier

    judge = load_classifier()

    def share(images: Tensor, asked: Sequence[int]) -> float:
        return float((judge.predict(images) == torch.tensor(list(asked))).float().mean())

    names = tuple(judge.class_names)
    return Task(name, pipe, "class_labels", tuple(range(len(names))), names, "class", share)


def _described(name: str, pipe: Any) -> Task:
    from foretrace.demo.attributes import load_judge, shares

    judge = load_judge(reference_folder("shapes-judge", "config.json"))

    def share(images: Tensor, wanted: Sequence[Any]) -> float:
        return shares(judge.read(images), [facts_of(one) for one in wanted])["attributes"]

    return Task(name, pipe, "prompt", *_prompts(name), "attributes", share)


def _moving(name: str, pipe: Any) -> Task:
    from foretrace.demo.motion import motion_share

    def share(videos: Tensor, wanted: Sequence[Any]) -> float:
        return motion_share(videos, [one["facts"] for one in wanted])

    return Task(name, pipe, "prompt", *_prompts(name), "motion", share)


def _prompts(name: str) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """The held-out prompts with their facts, and their captions."""
    asked = tuple(json.loads((reference_folder(name) / "prompts.json").read_text()))
    return asked, tuple(one["caption"] for one in asked)


def facts_of(asked: dict[str, Any]) -> Any:
    """The facts of a prompt's row, with tuples in place of JSON's lists."""
    return {**asked["facts"], "things": tuple(tuple(thing) for thing in asked["facts"]["things"])}
