"""Multiply-accumulates of a denoiser call, by torch's FLOP counter on tensors without data.

Two conventions are in use, and published tables mix them: ``linear`` counts linear and convolution layers
only (what thop-style counters report, and the DiT and PixArt tables use), ``total`` adds the two
attention matmuls. One MAC is two FLOPs.
"""

from __future__ import annotations

import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from foretrace.errors import UnsupportedModel
from foretrace.valueless import IntegersKeepValues, keeps_values

LINEAR_OPERATORS = frozenset({"mm", "addmm", "convolution", "_convolution", "_scaled_mm"})
"""aten operators that linear and convolution layers end in; batched matmuls are attention."""


class Macs(NamedTuple):
    """Multiply-accumulates in both conventions."""

    linear: int
    total: int

    def __add__(self, other: object) -> Macs:
        assert isinstance(other, Macs)
        return Macs(self.linear + other.linear, self.total + other.total)

    def __sub__(self, other: Macs) -> Macs:
        return Macs(self.linear - other.linear, self.total - other.total)

    def times(self, count: float) -> Macs:
        """``count`` such calls; a share of one where only some samples were computed."""
        return Macs(round(self.linear * count), round(self.total * count))


class CallMacs(NamedTuple):
    """MACs of one computed call, and of that part of it which runs inside the skipped blocks."""

    computed: Macs
    inside: Macs


def count_call(
    denoiser: nn.Module, args: Sequence[Any], kwargs: dict[str, Any], blocks: Sequence[nn.Module] = ()
) -> CallMacs:
    """Count one call of ``denoiser``, and what of it happens inside ``blocks``. No layer is computed.

    Arguments may be on the meta device whatever the denoiser's own device; only their shapes matter, and the
    values of integers that the denoiser branches on (`foretrace.valueless`). A mixture of experts is counted
    with evenly dealt tokens, flex attention with all pairs, which its mask may spare. The
    denoiser's parameters are stood in for by tensors without data, and its hooks (offloading, casting, the
    user's) do not run. Compiled blocks are counted as written.

    Raises:
        UnsupportedModel: the denoiser looks at values that are not there.
    """
    device = next((p.device for p in denoiser.parameters()), torch.device("cpu"))
    counter = flop_counter()
    inside = _InsideCounter(counter)
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        _silence_hooks(stack, {*denoiser.modules(), *blocks})
        stack.callback(_clear, [(module, dict(module.__dict__)) for module in denoiser.modules()])
        for block in dict.fromkeys(blocks):
            for handle in inside.watch(block):
                stack.callback(handle.remove)
        # Tensors with values keep them: models branch on masks and lengths.
        arguments = pytree.tree_map(_valued(device), (tuple(args), kwargs))
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        arguments = pytree.tree_map(_valueless(device), arguments)
        state = {k: _stand_in(v) for k, v in (*denoiser.named_parameters(), *denoiser.named_buffers())}
        stack.enter_context(counter)
        stack.enter_context(IntegersKeepValues())
        try:
            torch.func.functional_call(denoiser, state, *arguments)
        except Exception as error:
            raise UnsupportedModel(
                f"{type(denoiser).__name__} cannot be counted without data: {_reason(error)}; expected a "
                "forward that looks at shapes, and at values of integers only. Count a call of it with "
                "foretrace.macs.flop_counter() instead."
            ) from error
        return CallMacs(macs_so_far(counter), inside.macs)


def _reason(error: Exception) -> str:
    """The error in the words of the model's own code: the innermost line of it that was running."""
    hidden = {"torch", "foretrace"}
    own = [f for f in traceback.extract_tb(error.__traceback__) if not hidden & {*Path(f.filename).parts}]
    where = f", at {Path(own[-1].filename).name}:{own[-1].lineno} ({own[-1].line})" if own else ""
    return f"{error}{where}"


def flop_counter() -> FlopCounterMode:
    """A counter of what is executed inside a with block; read it with `macs_so_far`."""
    return FlopCounterMode(display=False, custom_mapping=_CPU_ATTENTION)


def _flash_on_cpu(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


_CPU_ATTENTION = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _flash_on_cpu}
"""The one attention kernel that torch's counter does not know."""


def _silence_hooks(stack: ExitStack, modules: set[nn.Module]) -> None:
    """Until ``stack`` closes, run every module's own ``forward`` and none of its hooks.

    Hooks that move or cast weights would otherwise put tensors without data into the model for good.
    """
    for module in modules:
        own = module.__dict__
        for name in ("forward", "_call_impl", "_forward_hooks", "_forward_pre_hooks"):
            if name in own:
                stack.callback(own.__setitem__, name, own.pop(name))
        own["_forward_hooks"], own["_forward_pre_hooks"] = OrderedDict(), OrderedDict()


def _clear(before: list[tuple[nn.Module, dict[str, Any]]]) -> None:
    """Give modules back the attributes in which they have stored a tensor without data, such as tables."""
    for module, attributes in before:
        own = module.__dict__
        for name, value in list(own.items()):
            if any(isinstance(x, FakeTensor) for x in pytree.tree_leaves(value)):
                own.pop(name)
                own.update({name: attributes[name]} if name in attributes else {})


def _stand_in(x: Tensor) -> Tensor:
    """A tensor of ``x``'s shape without data, in one floating dtype for all, since dtypes do not count."""
    if not (x.is_floating_point() or x.is_complex()) and keeps_values(x):
        return x
    dtype = torch.float32 if x.is_floating_point() else x.dtype
    return torch.empty(x.shape, dtype=dtype, device=x.device)


def _valued(device: torch.device) -> Callable[[Any], Any]:
    return lambda x: x.to(device) if isinstance(x, Tensor) and x.device.type != "meta" else x


def _valueless(device: torch.device) -> Callable[[Any], Any]:
    def place(x: Any) -> Any:
        if isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex() or not keeps_values(x)):
            return _stand_in(torch.empty(x.shape, dtype=x.dtype, device=device))
        return x

    return place


class _InsideCounter:
    """Adds up what the counter gains while a watched block runs."""

    def __init__(self, counter: FlopCounterMode) -> None:
        self.counter = counter
        self.macs = Macs(0, 0)
        self._before: list[Macs] = []

    def watch(self, block: nn.Module) -> tuple[Any, Any]:
        return (
            block.register_forward_pre_hook(lambda *_: self._before.append(macs_so_far(self.counter))),
            block.register_forward_hook(self._leave),
        )

    def _leave(self, *_: Any) -> None:
        before = self._before.pop()
        if not self._before:  # a watched block inside a watched one counts once
            self.macs += macs_so_far(self.counter) - before


def macs_so_far(counter: FlopCounterMode) -> Macs:
    """What ``counter`` has seen, in both conventions."""
    linear = total = 0
    for operator, flops in counter.get_flop_counts().get("Global", {}).items():
        total += flops
        if str(operator).split(".")[-1] in LINEAR_OPERATORS:
            linear += flops
    return Macs(linear // 2, total // 2)
