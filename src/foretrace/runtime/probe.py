"""Looking into a call on its way through the blocks: what a gate's probe shows before the span begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from torch import Tensor, nn

from foretrace.errors import UnsupportedModel
from foretrace.gate.base import Probe
from foretrace.history import Feature
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.layout import copies
from foretrace.runtime.packing import tensor_slots, unpack
from foretrace.runtime.tap import BlockHandler, Switch

AtEntry = Callable[[Feature, Feature], BlockHandler | None]
"""Given what entered the first block and what the probe shows: who handles the call from the span on."""


class Probing:
    """Hands every block to ``inner``, and before the span asks ``at_entry`` who shall go on.

    The blocks before the span have run by then, once, whatever is decided.
    """

    def __init__(
        self, probe: Probe, head: int, attention: Switch, inner: BlockHandler, at_entry: AtEntry | None = None
    ) -> None:
        self.probe, self.head, self.attention = probe, head, attention
        self.inner, self.at_entry = inner, at_entry
        self.calls = 0
        self.entered: Feature = ()
        self.shown: Feature = ()
        self._arguments: Feature = ()

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``block`` by who handles the call by now, and look on the way."""
        call = self.calls
        self.calls += 1
        if call == 0 and self.probe == "head":
            floats = (x for x in tensor_slots(args, kwargs).values() if x.is_floating_point())
            self._arguments = copies(x for x in floats if x.ndim > 1)
        if call == 0 and self.probe == "modulated":  # also where the span begins later
            self.shown = (modulated_input(block, self.attention, args, kwargs),)
        if call == self.head:
            chosen = None if self.at_entry is None else self.at_entry(self.entered, self.shown)
            self.inner = self.inner if chosen is None else chosen
        output = self.inner(block, args, kwargs)
        if self.probe == "head" and call == self.head - 1:
            self.shown = copies(unpack(output, type(block).__name__)[0])
            self.entered = _of_shapes(self._arguments, self.shown, type(block).__name__)
        return output


def _of_shapes(arguments: Feature, returned: Feature, source: str) -> Feature:
    """For each stream that left the head, the argument of the first block in its shape."""
    free = list(arguments)
    found = []
    for x in returned:
        place = next((i for i, a in enumerate(free) if a.shape == x.shape), None)
        if place is None:
            raise UnsupportedModel(
                f"{source} returns a stream of shape {tuple(x.shape)}, and none of that shape entered the "
                "first block; expected one to compare with. Use a gate without a first-block probe, such as "
                "error_estimate."
            )
        found.append(free.pop(place))
    return tuple(found)


class _Reached(Exception):
    """The attention was reached; carries what it was given. Never leaves this file."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__()
        self.tensor = tensor


def modulated_input(
    block: nn.Module, attention: Switch, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Tensor:
    """What ``block`` gives its attention, normalised and modulated by the time, without running the
    attention.

    The block is started and stopped at its attention, which is tapped on ``attention``: no table of
    families is needed, and of the block only its first norm runs.
    """
    try:
        attention.run(_stop, Invocation(block, args, kwargs))
    except _Reached as reached:
        return reached.tensor
    raise UnsupportedModel(
        f"{type(block).__name__} ran without calling its attention; expected a call to read the modulated "
        "input from. Use a gate with another probe, such as error_estimate."
    )


def _stop(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
    named = kwargs.get("hidden_states")
    tensors = tensor_slots(args, kwargs).values()
    raise _Reached(named if isinstance(named, Tensor) else next(iter(tensors)))
