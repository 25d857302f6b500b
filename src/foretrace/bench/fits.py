"""A row that is calibrated before it is run: its profile, fitted on noises that no row uses."""

from __future__ import annotations

import dataclasses
import warnings

from foretrace.bench.entries import Entry, method_of
from foretrace.bench.origin import digest
from foretrace.bench.published import PaperRow
from foretrace.bench.spec import Spec
from foretrace.bench.subject import Subject, make_calls
from foretrace.method import Method
from foretrace.offline.calibrate import calibrate
from foretrace.offline.calls import digest as call_digest
from foretrace.offline.progress import Progress

LEAST = 4


def fitted(row: PaperRow, spec: Spec, subject: Subject, progress: Progress) -> Entry:
    """The row's entry with its profile, which is kept in ``spec.out`` and fitted once.

    It is fitted on as many noises as there are samples, those after the samples' own and those of a reference
    "other-seeds". A profile that does not help is kept too: its row shows it.
    """
    assert row.entry is not None
    samples = max(LEAST, spec.samples)
    own = dataclasses.replace(spec, samples=samples, batch=min(spec.batch, samples // 2))  # one call judges
    calls = make_calls(subject.pipe, subject.task, own, seed=spec.seed + 2 * own.samples)
    name = digest([row.entry.label, dict(row.fit), spec.model, [call_digest(call) for call in calls]])
    path = spec.out / f"fit-{name}.safetensors"
    if not path.is_file():
        spec.out.mkdir(parents=True, exist_ok=True)
        bare = method_of(row.entry)
        assert isinstance(bare, Method)
        with warnings.catch_warnings():  # fewer samples than channels: the row says how many there were
            warnings.simplefilter("ignore", UserWarning)
            profile = calibrate(subject.pipe, bare, calls, force=True, progress=progress, **row.fit)
        profile.save(path)
    return dataclasses.replace(row.entry, name="profile", settings={}, profile=path)
