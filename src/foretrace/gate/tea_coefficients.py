"""The polynomials that TeaCache published, by model; highest power first (ali-vilab/TeaCache).

They hold for the model, sampler and resolution they were fitted on. ``ret`` sets of Wan2.1 were fitted on
another indicator (the projected time embedding) than the modulated input that is read here, and are left out
for that.
"""

from __future__ import annotations

COEFFICIENTS: dict[str, tuple[float, ...]] = {
    "open-sora-1.2": (217.546007, -118.329252, 26.8662585, -0.0459364272, 0.0484426240),
    "latte": (-2464.34137, 308.044764, 80.7447667, -4.11385132, 0.111001402),
    "open-sora-plan-1.1": (205943.668, -14875.9286, 306.085986, 1.31418080, 0.00239658469),
    "flux": (498.651651, -283.781631, 55.8554382, -3.82021401, 0.264230861),
    "hunyuan-video": (733.226126, -401.131952, 67.5869174, -3.14987800, 0.0961237896),
    "ltx-video": (21.4700694, -12.8016453, 2.31279151, 0.792487521, 0.00969274326),
    "mochi": (-3512.41319, 811.675948, -60.9400215, 2.42429681, 0.00305291719),
    "lumina2": (393.76566581, -603.50993606, 209.10239044, -23.00726601, 0.86377344),
    "cosmos": (271.156237, -91.9775607, 2.24437250, 2.08355751, 0.141776330),
    "hidream-i1": (-31360.5009, -712.425503, 49.1363285, 8.26515490, 0.108053901),
}
