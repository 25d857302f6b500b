"""Intervals, interleaved rounds, and metrics against closed forms."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foretrace.bench import timing
from foretrace.bench.bootstrap import bootstrap, recentred
from foretrace.bench.quality.distribution import (
    Gaussian,
    frechet,
    gaussian_from,
    gaussian_of,
    inception_score,
    kernel_distance,
)
from foretrace.bench.quality.fidelity import psnr, relative_l2, ssim
from foretrace.bench.quality.networks import Seen
from foretrace.bench.quality.perceptual import clip_pixels
from foretrace.bench.quality.reference import load_reference
from foretrace.bench.timing import latency, rotated, timed_rounds
from foretrace.bench.trajectory import error_by_step, plane_of, project
from foretrace.errors import LoadError


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30))
def test_an_interval_holds_its_mean(values: list[float]) -> None:
    found = bootstrap(values, resamples=200)
    assert found.value == pytest.approx(statistics.fmean(values))
    assert found.low is not None and found.high is not None
    slack = 1e-9 + 1e-9 * max(map(abs, values))
    assert found.low - slack <= found.value <= found.high + slack or len(values) > 5


def test_an_interval_shrinks_with_the_root_of_the_samples() -> None:
    widths = []
    for count in (50, 800):
        found = bootstrap(drawn(count).tolist())
        assert found.low is not None and found.high is not None
        assert found.low < found.value < found.high
        widths.append(found.high - found.low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.3)
    assert recentred(lambda i: float(len(i)), 5).low == 5


def test_one_value_and_infinite_ones_have_no_interval() -> None:
    assert bootstrap([3.0]).low is None
    assert bootstrap([math.inf, math.inf]).value == math.inf
    assert bootstrap([math.inf, 1.0]).high is None


def test_rounds_interleave_with_the_uncached_run_and_rotate(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    collected: list[int] = []
    monkeypatch.setattr(timing.gc, "collect", lambda: collected.append(len(order)))

    def run(name: str) -> float:
        order.append(name)
        if name == "c" and order.count("c") == 2:
            raise RuntimeError("out of memory")
        return 1.0 + len(order)

    runs = {name: (lambda name=name: run(name)) for name in "abc"}
    full, seconds, failures = timed_rounds(lambda: run("u"), runs, 3)
    assert "".join(order) == "uabc" + "ubc" + "a" + "uab"
    assert set(collected) == set(range(len(order)))  # before every run
    assert len(full) == len(seconds["a"]) == len(seconds["b"]) == 3
    assert list(failures) == ["c"]
    assert rotated([], 3) == []


def test_ratios_are_taken_within_a_round() -> None:
    found = latency([1.0, 10.0, 100.0], [2.0, 20.0, 200.0])
    assert found is not None
    assert found.speedups == [2.0, 2.0, 2.0]
    assert (found.median, found.speedup.value, found.speedup.low) == (10.0, 2.0, 2.0)
    assert latency([], []) is None


def test_equal_pictures_are_at_no_distance() -> None:
    images = torch.rand(3, 2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert relative_l2(images, images).tolist() == [0, 0, 0]
    assert psnr(images, images).tolist() == [math.inf] * 3
    assert ssim(images, images).tolist() == pytest.approx([1, 1, 1])


def test_fidelity_of_known_pictures() -> None:
    images = torch.full((2, 1, 3, 16, 16), 0.25)
    assert psnr(images + 0.1, images).tolist() == pytest.approx([20, 20], rel=1e-5)
    assert relative_l2(images + 0.1, images).tolist() == pytest.approx([0.4, 0.4], rel=1e-5)
    assert relative_l2(images + 0.1, images, decoded=False).tolist() == pytest.approx([0.4, 0.4], rel=1e-5)
    assert float(ssim(1 - images, images)[0]) < 1


def test_the_frechet_distance_of_two_gaussians() -> None:
    mean, scales = drawn(4), torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    a = Gaussian(mean, torch.diag(scales))
    b = Gaussian(mean + 2, torch.diag(scales + 1))
    assert frechet(a, b) == pytest.approx(4 * 2**2 + 4 * 1**2)
    assert frechet(a, a) == pytest.approx(0, abs=1e-12)
    again = gaussian_from(mean, torch.diag(scales**2))
    assert frechet(a, again) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [3, 40])
def test_the_frechet_distance_of_few_and_many_samples(count: int) -> None:
    x = drawn(count, 6)
    assert frechet(gaussian_of(x), gaussian_of(x)) == pytest.approx(0, abs=1e-10)
    assert frechet(gaussian_of(x), gaussian_of(x + 1)) == pytest.approx(6)
    y = drawn(count, 6, seed=1)
    assert frechet(gaussian_of(x), gaussian_of(y)) == pytest.approx(frechet(gaussian_of(y), gaussian_of(x)))


def test_it_agrees_with_torchmetrics() -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Same(torch.nn.Module):
        num_features = 5

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    metric = FrechetInceptionDistance(feature=Same(), normalize=True)
    x, y = drawn(60, 5), drawn(70, 5, seed=1) * 2
    metric.update(x, real=True)
    metric.update(y, real=False)
    assert frechet(gaussian_of(x), gaussian_of(y)) == pytest.approx(float(metric.compute()), rel=1e-6)


def test_inception_scores_of_sharp_and_of_blurred_classes() -> None:
    assert inception_score(100 * torch.eye(7)) == pytest.approx(7)
    assert inception_score(torch.zeros(7, 7)) == pytest.approx(1)


def test_kernel_distances_are_unbiased() -> None:
    same = [kernel_distance(drawn(30, 3, seed=i), drawn(30, 3, seed=i + 100)) for i in range(40)]
    apart = [kernel_distance(drawn(30, 3, seed=i), 1 + drawn(30, 3, seed=i + 100)) for i in range(40)]
    assert abs(statistics.fmean(same)) < 3 * statistics.stdev(same) / 40**0.5
    assert statistics.fmean(apart) > 10 * statistics.stdev(same) / 40**0.5


def test_references_are_pictures_or_their_statistics(tmp_path: Path) -> None:
    def network(images: torch.Tensor) -> Seen:
        return Seen(images.mean(dim=(2, 3)))

    pixels = np.random.default_rng(0).integers(0, 256, (6, 10, 8, 3), dtype=np.uint8)
    for i, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / f"{i}.png")
    folder = load_reference(tmp_path, network, (10, 8))
    means = torch.from_numpy(pixels).double().mean(dim=(1, 2)) / 255
    assert torch.allclose(folder.pooled.mean, means.mean(dim=0), atol=1e-6)
    file = tmp_path / "stats.npz"
    np.savez(file, mu=means.mean(dim=0), sigma=torch.cov(means.T))
    statistics_file = load_reference(file, network, (10, 8))
    assert frechet(folder.pooled, statistics_file.pooled) == pytest.approx(0, abs=1e-9)
    assert statistics_file.features is None
    with pytest.raises(LoadError, match="0 pictures"):
        load_reference(tmp_path / "nothing", network, (10, 8))


def test_clip_sees_the_middle_square() -> None:
    pixels = clip_pixels(torch.full((2, 3, 20, 40), 0.5), 16)
    assert pixels.shape == (2, 3, 16, 16)
    assert float(pixels.std(dim=(2, 3)).max()) == pytest.approx(0, abs=1e-5)


def test_the_plane_of_a_path_keeps_its_distances() -> None:
    plane = drawn(2, 9)
    path = [(drawn(2, seed=i) @ plane)[None] for i in range(5)]
    flat = torch.tensor(project(path, plane_of(path)), dtype=torch.float64)
    assert torch.allclose(torch.pdist(flat), torch.pdist(torch.cat(path)), atol=1e-9)
    assert error_by_step(path, path) == [0] * 5
    assert error_by_step(path[:3], path) == []
