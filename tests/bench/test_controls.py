"""Other samplers in the place of a pipeline's own: they go the same way on a flow model."""

from __future__ import annotations

import numpy as np
import pytest

from foretrace.bench.controls import sampled_with
from foretrace.bench.entries import SAMPLERS
from runtime.test_pipelines import PIPELINES


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_flow_model_ends_where_its_own_sampler_takes_it(name: str) -> None:
    """The shift of the times is the same, and the velocity is read as one."""
    pipe, call = PIPELINES["flux"]()
    pipe.set_progress_bar_config(disable=True)
    own, before = call(steps=40, batch=1), pipe.scheduler
    with sampled_with(pipe, name):
        assert pipe.scheduler is not before
        other = call(steps=40, batch=1)
    assert pipe.scheduler is before
    assert np.linalg.norm(other - own) < 0.05 * np.linalg.norm(own)
