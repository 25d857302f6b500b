"""Which places of the denoiser are sites, and what is stored there. Plain data; `runtime` acts on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from foretrace.checks import at_least, one_of
from foretrace.errors import InvalidSetting

Store = Literal["output", "residual"]
ModuleStore = Literal["output", "gated", "residual"]


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


@dataclass(frozen=True)
class PerBlock(Granularity):
    """One site per transformer block: all tensors that it returns, or what it added to its input.

    With ``store="output"`` only the last block's forecast reaches the output, so `PerStack` gives the same
    result at a fraction of the memory; it is here for methods that treat blocks differently. With
    ``store="residual"`` every block adds its forecast to the live input.
    """

    store: Store = "output"

    def __post_init__(self) -> None:
        one_of("store", self.store, ("output", "residual"))


@dataclass(frozen=True, init=False)
class PerModule(Granularity):
    """One site per module of these names inside the blocks.

    ``"attn"`` stands for every attention module and ``"ff"`` for every feed-forward one; any other name is
    that of the attribute in the block, and may hold ``*``. On a skipped step norms, modulation, gates and
    residual additions run live around the forecasts. A block that projects attention and feed-forward
    together (the single blocks of FLUX) has one site for both, what its common projection returns.

    What is kept:

    - ``store="output"``: what the module returns, before any gate.
    - ``store="gated"``: what the block adds to its stream on the module's account, after gate and norms that
      lie between; a skipped step adds the forecast of it and reads no live gate. Found by following the
      module's output to the addition, and refused where it is not followed by one.
    - ``store="residual"``: output minus input of the module, in the next wider dtype; a skipped step adds
      the live input. Refused where no single input has the shape of the output.
    """

    names: tuple[str, ...]
    store: ModuleStore

    def __init__(self, *names: str, store: ModuleStore = "output") -> None:
        object.__setattr__(self, "names", names or ("attn", "ff"))
        object.__setattr__(self, "store", store)
        one_of("store", store, ("output", "gated", "residual"))
        for name in self.names:
            if not isinstance(name, str) or not _NAME.match(name):
                raise InvalidSetting(
                    f"PerModule got the name {name!r}; expected 'attn', 'ff' or an attribute of the blocks. "
                    "Pass names of modules, such as PerModule('attn1', 'ff')."
                )


_NAME = re.compile(r"^[\w*]+$")
_MODULE_STORES: dict[str, ModuleStore] = {"output": "output", "gated": "gated", "residual": "residual"}
_SPELLING = re.compile(
    r"^(?:(model|block)|(stack)(?:\((\d+)(?:,\s*(\d+))?\))?)(?::(output|residual))?$"
    r"|^module(?:\(([\w*]+(?:,\s*[\w*]+)*)\))?(?::(output|gated|residual))?$",
    re.IGNORECASE,
)


def parse_granularity(text: object) -> Granularity:
    """Read the short spelling: ``model``, ``stack(1,1):residual``, ``block``, ``module(attn,ff):gated``."""
    if isinstance(text, Granularity):
        return text
    found = _SPELLING.match(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise InvalidSetting(
            f"granularity got {text!r}; expected PerModel, PerStack, PerBlock or PerModule, or the spelling "
            "'model', 'stack', 'stack(head,tail)', 'block' or 'module(attn,ff)', each with ':residual' if "
            "wished, the last also with ':gated'. Pass one of these."
        )
    whole, stack, head, tail, kept, names, part = found.groups()
    store: Store = "residual" if kept and kept.lower() == "residual" else "output"
    if stack:
        return PerStack(int(head or 0), int(tail or 0), store)
    if whole:
        return PerModel(store) if whole.lower() == "model" else PerBlock(store)
    return PerModule(*re.findall(r"[\w*]+", names or ""), store=_MODULE_STORES[(part or "output").lower()])
