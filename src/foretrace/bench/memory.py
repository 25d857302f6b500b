"""Bytes: the peak of a call, and what stays alive between steps."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
NO_PEAK = "the peak of a call can only be read on CUDA and, of the whole process, on Linux"


@contextmanager
def peak_bytes(device: str) -> Iterator[list[int]]:
    """One number at the end of the with block, or none where it cannot be had.

    On CUDA the most that tensors took on the device, weights included. On a CPU under Linux the largest
    resident set of this process meanwhile, which holds the interpreter and all weights too, so that only
    differences of rows tell.
    """
    found: list[int] = []
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        yield found
        torch.cuda.synchronize()
        found.append(torch.cuda.max_memory_allocated())
        return
    resets = device == "cpu" and sys.platform == "linux" and _reset_peak()
    yield found
    if resets:
        found += _resident_peak()


def _reset_peak() -> bool:
    """Give freed pages back and start the kernel's high-water mark anew."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # else pages that an earlier row freed would count
    try:
        RESET.write_text("5")
    except OSError:
        return False
    return True


def _resident_peak() -> list[int]:
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return [1024 * int(line.split()[1])]
    return []


def live_bytes(device: str) -> int:
    """Bytes of all live tensors: as the allocator counts on CUDA, by looking at every object elsewhere."""
    if device.startswith("cuda"):
        return torch.cuda.memory_allocated()
    storages = {}
    for one in gc.get_objects():
        if type(one) in (torch.Tensor, torch.nn.Parameter):
            with suppress(RuntimeError, NotImplementedError):  # tensors without storage
                storage = one.untyped_storage()
                storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())
