"""TCC's prior and its folded map: what it recovers, and what storing it may change."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from foretrace.calibrator.affine import AffineMap, channels_back, channels_last, compress
from foretrace.calibrator.procrustes import VARIANTS, Prior, fit, fit_positions, mix

seeds = st.integers(0, 999)
widths = st.integers(2, 7)
scales = st.floats(0.2, 3.0)
strengths = st.floats(0.0, 2.0)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def orthogonal(width: int, seed: int) -> Tensor:
    return torch.linalg.qr(normal(width, width, seed=seed))[0]


def linear_part(one: AffineMap, width: int) -> Tensor:
    """``W`` of ``x W + b`` as the map applies it."""
    eye = torch.eye(width)
    return (one.apply(eye) - one.apply(torch.zeros(width, width))).double()


def close(got: Tensor, expected: Tensor, within: float = 1e-4) -> None:
    size = float(expected.abs().max()) + 1.0
    torch.testing.assert_close(got.double(), expected.double(), rtol=0, atol=within * size)


@given(seed=seeds, width=widths, more=st.integers(2, 9), scale=scales)
def test_a_scaled_rotation_is_recovered(seed: int, width: int, more: int, scale: float) -> None:
    cached, rotation = normal(width + more, width, seed=seed), orthogonal(width, seed + 1)
    full = scale * cached @ rotation + normal(width, seed=seed + 2)
    prior = fit(full, cached)
    assert prior.rotation is not None
    assert prior.rank == width
    assert prior.scale == pytest.approx(scale, rel=1e-9)
    close(prior.rotation, rotation, 1e-7)
    close(prior.fold(1.0).apply(cached.float()), full)


@pytest.mark.parametrize("variant", VARIANTS)
@given(seed=seeds, width=widths, rows=st.integers(1, 12), alpha=strengths)
def test_folding_equals_the_unfolded_formula(variant, seed: int, width: int, rows: int, alpha: float) -> None:
    prior = fit(normal(rows, width, seed=seed), 2 + normal(rows, width, seed=seed + 1), variant)
    x = normal(3, 4, width, seed=seed + 2)
    turned = (x - prior.mean_cached) if prior.rotation is None else (x - prior.mean_cached) @ prior.rotation
    corrected = prior.mean_full + prior.scale * turned
    close(prior.fold(alpha).apply(x.float()), x + alpha * (corrected - x))


@pytest.mark.parametrize("variant", VARIANTS)
@given(seed=seeds, width=widths)
def test_strength_zero_is_the_identity(variant, seed: int, width: int) -> None:
    x = normal(2, 3, width, seed=seed).float()
    prior = fit(normal(9, width, seed=seed), normal(9, width, seed=seed + 1), variant)
    assert torch.equal(prior.fold(0.0).apply(x), x)
    assert not torch.equal(prior.fold(0.5).apply(x), x)


@given(seed=seeds, width=widths, spread=st.floats(1.5, 3.0), alpha=st.floats(0.1, 2.0))
def test_a_shift_sees_the_means_and_nothing_else(seed: int, width: int, spread: float, alpha: float) -> None:
    cached, x = normal(9, width, seed=seed), normal(4, width, seed=seed + 1)
    mean, by = cached.mean(dim=0), normal(width, seed=seed + 2)
    wider = mean + spread * (cached - mean)  # of the same mean
    close(fit(wider, cached, "shift").fold(alpha).apply(x.float()), x, 1e-6)
    close(fit(wider + by, cached, "shift").fold(alpha).apply(x.float()), x + alpha * by, 1e-6)
    assert fit(wider, cached, "scale_shift").scale == pytest.approx(spread)


@given(seed=seeds, width=widths, other=st.floats(-3, 3))
def test_the_scale_is_the_best_of_all_scalars(seed: int, width: int, other: float) -> None:
    full, cached = normal(9, width, seed=seed), normal(9, width, seed=seed + 1)
    prior = fit(full, cached, "scale_shift")

    def missed(scale: float) -> float:
        return float((full - prior.mean_full - scale * (cached - prior.mean_cached)).norm())

    assert missed(prior.scale) <= missed(other) + 1e-9


@given(seed=seeds, width=widths, scale=scales)
def test_the_full_map_misses_no_more_than_the_scale_alone(seed: int, width: int, scale: float) -> None:
    cached = normal(width + 5, width, seed=seed)
    full = scale * cached @ orthogonal(width, seed + 1) + 0.3 * normal(width + 5, width, seed=seed + 2)
    missed = [
        (full - fit(full, cached, v).fold(1.0).apply(cached.float())).norm() for v in ("full", "scale_shift")
    ]
    assert missed[0] <= missed[1] + 1e-4


@given(seed=seeds, width=st.integers(4, 9), rows=st.integers(1, 4), alpha=strengths)
def test_directions_that_no_row_spans_are_only_scaled(seed: int, width: int, rows: int, alpha: float) -> None:
    full, cached = normal(rows, width, seed=seed), normal(rows, width, seed=seed + 1)
    prior = fit(full, cached)
    assert prior.rank == min(rows - 1, width)
    unknown = torch.linalg.svd(cached - cached.mean(dim=0))[2][prior.rank :]
    weight = linear_part(prior.fold(alpha), width)
    close(unknown @ weight, (1 - alpha + alpha * prior.scale) * unknown)
    anyway = fit(full, cached, null_space="svd").rotation
    assert anyway is not None
    close(anyway @ anyway.T, torch.eye(width), 1e-9)


@given(seed=seeds, width=widths, count=st.integers(1, 4))
def test_rows_that_do_not_differ_say_nothing_of_a_scale(seed: int, width: int, count: int) -> None:
    full, cached, x = (normal(1, width, seed=seed + i) for i in range(3))
    for variant in VARIANTS:
        prior = fit(full.expand(count, -1), cached.expand(count, -1), variant)
        assert prior.scale == 1.0
        close(prior.fold(1.0).apply(x.float()), x + full - cached, 1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
@given(seed=seeds, tokens=st.integers(2, 9), width=widths)
def test_positions_are_taken_to_their_own_means(variant, seed: int, tokens: int, width: int) -> None:
    full, cached = normal(tokens, width, seed=seed), normal(tokens, width, seed=seed + 1)
    noise = normal(tokens, width, seed=seed + 2)
    samples = torch.stack([cached + noise, cached - noise])
    found = fit_positions(full, cached, variant).fold(1.0).apply(samples.float())
    close(found.mean(dim=0), full)


@given(seed=seeds, share=st.floats(0, 1), variants=st.tuples(*[st.sampled_from(VARIANTS)] * 2))
def test_mix_is_the_convex_mix(seed: int, share: float, variants) -> None:
    rows, positions = normal(4, 9, 5, seed=seed), normal(2, 6, 5, seed=seed + 1)
    first = fit(rows[0], rows[1], variants[0]).fold(0.7)
    second = fit_positions(positions[0], positions[1], variants[1]).fold(1.3)
    x = normal(3, 6, 5, seed=seed + 2).float()
    close(mix(first, second, share).apply(x), share * first.apply(x) + (1 - share) * second.apply(x), 1e-5)


@given(seed=seeds, width=st.integers(2, 12), alpha=st.floats(0.05, 2.0), scale=scales,
       tolerance=st.sampled_from([0.0, 1e-4, 2e-4, 1e-3, 0.1]))  # fmt: skip
def test_compressing_changes_the_map_by_no_more_than_allowed(
    seed: int, width: int, alpha: float, scale: float, tolerance: float
) -> None:
    cached = normal(width + 4, width, seed=seed)
    full = fit(scale * cached @ orthogonal(width, seed + 1) + 0.1, cached).fold(alpha)
    small = compress(full, tolerance)
    assert small.nbytes <= full.nbytes
    for got, expected in ((dense(small), dense(full)), (small.bias, full.bias)):
        assert (got.double() - expected.double()).norm() <= (tolerance + 1e-9) * expected.double().norm()
    again = compress(small, tolerance)
    assert (dense(again) - dense(full)).norm() <= 2.1 * (tolerance + 1e-9) * dense(full).norm()


def dense(one: AffineMap) -> Tensor:
    """``W`` in float64, put together from what is stored."""
    weight = one.scale.double() * torch.eye(one.bias.shape[-1], dtype=torch.float64)
    if one.weight is not None:
        weight = weight + one.weight.double()
    if one.factors is not None:
        weight = weight + one.factors[0].double() @ one.factors[1].double()
    return weight


@given(seed=seeds, rank=st.integers(0, 5), alpha=st.floats(0.2, 2.0))
def test_a_map_of_low_rank_is_stored_as_factors(seed: int, rank: int, alpha: float) -> None:
    basis = orthogonal(32, seed)[:, :rank]
    rotation = torch.eye(32, dtype=torch.float64) - 2 * basis @ basis.T  # turns ``rank`` directions round
    means = normal(2, 32, seed=seed + 1)
    full = Prior(means[0], means[1], 0.9, rotation, 32).fold(alpha)
    small = compress(full)
    assert small.factors is not None
    assert [tuple(x.shape) for x in small.factors] == [(32, rank), (rank, 32)]
    assert small.nbytes <= 2 * 32 * (2 * rank + 1) + 4
    assert small.macs(10) == 10 * 2 * 32 * rank
    assert compress(small).factors is not None, "compressing twice loses it"
    x = normal(2, 7, 32, seed=seed + 2).float()
    assert (small.apply(x) - full.apply(x)).norm() <= 4e-3 * full.apply(x).norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(4, 5), (4, 6, 5), (4, 5, 2, 3), (4, 5, 2, 3, 2)], ids=str)
@settings(max_examples=15)
@given(seed=seeds, kind=st.sampled_from([*VARIANTS, "factors", "positions"]))
def test_a_map_keeps_shape_and_dtype_and_acts_on_channels(shape, dtype, seed: int, kind: str) -> None:
    """Channels are the last dimension of tokens, and dimension 1 of pictures and videos."""
    x = normal(*shape, seed=seed).to(dtype)
    before = x.clone()
    rows = channels_last(x)
    count = rows[0].numel() // 5
    one = a_map(kind, count, seed)
    got = one.apply(x)
    assert (got.shape, got.dtype) == (x.shape, dtype)
    assert torch.equal(x, before)
    tokens = rows.double().reshape(4, count, 5)
    expected = torch.stack([sample @ dense(one) + one.bias.double() for sample in tokens])
    close(channels_last(got).reshape(4, count, 5), expected, max(1e-5, torch.finfo(dtype).eps))
    assert torch.equal(channels_back(rows), x)


def a_map(kind: str, tokens: int, seed: int) -> AffineMap:
    """One of each kind of storage, over five channels."""
    rows = normal(2, 9, 5, seed=seed)
    if kind == "positions":
        places = normal(2, tokens, 5, seed=seed)
        return fit_positions(places[0], places[1]).fold(0.5)
    if kind == "factors":
        left, right = normal(2, 5, 5, seed=seed).float()
        return AffineMap(torch.tensor(0.5), left[0], None, (left[:, :2], right[:2]))
    return fit(rows[0], rows[1], kind).fold(0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [*VARIANTS, "factors", "positions"])
def test_a_map_is_its_tensors(kind: str) -> None:
    one = a_map(kind, 3, 0)
    again = AffineMap.from_tensors(one.tensors)
    assert again.tensors.keys() == one.tensors.keys()
    assert all(torch.equal(again.tensors[name], x) for name, x in one.tensors.items())
    assert one.nbytes == sum(x.numel() * 4 for x in one.tensors.values())
