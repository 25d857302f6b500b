"""Which places of the denoiser are sites, and what is stored there. Plain data; `runtime` acts on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from foretrace.checks import at_least, one_of
from foretrace.errors import InvalidSetting

Store = Literal["output", "residual"]


class Granularity:
    """Base class: a description of sites."""


@dataclass(frozen=True)
class PerModel(Granularity):
    """One site: the output of the whole denoiser. A skipped step runs none of it.

    ``store="residual"`` keeps output minus latent input instead, and adds the live input back.
    """

    store: Store = "output"

    def __post_init__(self) -> None:
        one_of("store", self.store, ("output", "residual"))


@dataclass(frozen=True)
class PerStack(Granularity):
    """One site: what leaves the stack of transformer blocks, all streams together.

    On a skipped step the embedders run, the first ``head`` and the last ``tail`` blocks run, the blocks
    between are passed over, and the final norm and projection run with the live time. Blocks are counted
    over all stacks of the model in the order they are called (FLUX: double blocks, then single blocks).

    ``store="residual"`` keeps what the skipped blocks added to their input, and adds it to the live input.
    """

    head: int = 0
    tail: int = 0
    store: Store = "output"

    def __post_init__(self) -> None:
        at_least("head", self.head, 0)
        at_least("tail", self.tail, 0)
        one_of("store", self.store, ("output", "residual"))


_SPELLING = re.compile(r"^(model|stack)(?:\((\d+)(?:,\s*(\d+))?\))?(?::(output|residual))?$")


def parse_granularity(text: object) -> Granularity:
    """Read the short spelling used on the command line: ``model``, ``stack``, ``stack(1,1):residual``."""
    if isinstance(text, Granularity):
        return text
    found = _SPELLING.match(text.strip().lower()) if isinstance(text, str) else None
    if found is None or (found[1] == "model" and found[2] is not None):
        raise InvalidSetting(
            f"granularity got {text!r}; expected PerModel(...), PerStack(...), or the spelling 'model', "
            "'stack' or 'stack(head,tail)', each with ':residual' if wished. Pass one of these."
        )
    store: Store = "residual" if found[4] == "residual" else "output"
    if found[1] == "model":
        return PerModel(store)
    return PerStack(int(found[2] or 0), int(found[3] or 0), store)
