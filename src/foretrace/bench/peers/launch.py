"""Starting a peer's process and reading what it found."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from foretrace.bench.entries import Entry
from foretrace.bench.spec import Spec

POLL = 0.2


@contextmanager
def measured(
    entry: Entry, spec: Spec, advance: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], Path]]:
    """The result of one peer, and the folder with its samples, which is gone after the with block."""
    with tempfile.TemporaryDirectory(prefix="foretrace-peer-") as name:
        folder = Path(name)
        request = folder / "request.json"
        request.write_text(json.dumps(_request(entry, spec)))
        yield _run(request, folder, advance), folder


def _request(entry: Entry, spec: Spec) -> dict[str, Any]:
    """What the process needs to make the same calls, as plain data; methods are not its business."""
    plain = {
        f.name: getattr(spec, f.name)
        for f in dataclasses.fields(spec)
        if f.name not in ("methods", "peers", "out")
    }
    return {
        "peer": entry.name,
        "settings": dict(entry.settings),
        "spec": plain | {"extra": dict(spec.extra)},
        "threads": torch.get_num_threads(),
    }


def _run(request: Path, folder: Path, advance: Callable[[int], None]) -> dict[str, Any]:
    """Wait for the process, telling of every call whose samples it has written."""
    log = folder / "log.txt"
    words = [sys.executable, "-m", "foretrace.bench.peers.measure", str(request)]
    with log.open("w") as output, subprocess.Popen(words, stdout=output, stderr=output) as process:
        try:
            done = 0
            while process.poll() is None:
                time.sleep(POLL)
                found = len(list(folder.glob("call-*.safetensors")))
                advance(found - done)
                done = found
        except BaseException:  # an interrupt of the bench ends the process too
            process.kill()
            raise
    result = folder / "result.json"
    if result.is_file():
        return json.loads(result.read_text())
    last = (log.read_text().strip().splitlines() or [""])[-1]
    reason = f"its process ended with {process.returncode}: {last}"
    return {"status": "failed", "reason": reason}
