"""FoCa's table on FLUX.1-dev, as cache-dit reprints it: the paper's own pages were not at hand."""

from foretrace.bench.published import PaperTable, Source, absent, fewer, method, uncached
from foretrace.bench.reasons import BLOCKS, KERNEL, TEA_FITTED, TOKENS

REUSE = "published cost is that of {:.1f} steps, which FORA's own rule does not give"

TABLE = PaperTable(
    name="foca-flux",
    title="FLUX.1-dev, Euler 50: ImageReward, CLIP (FoCa)",
    source=Source(
        "FoCa, arXiv:2508.16211", "table on FLUX.1-dev", "number and page not seen",
        "cache-dit's bench/README.md, which reprints it",
    ),
    model="FLUX.1-dev 1024 x 1024, 200 prompts of DrawBench",
    hardware="not stated where it was read",
    weights="black-forest-labs/FLUX.1-dev",
    reference="shapes-flow",
    sampled="flow-matching Euler",
    steps=50,
    columns=("flops_t", "image_reward", "clip"),
    rows=(
        uncached("50 steps", 3719.50, 0.9898, 32.404, note="cache-dit counts 3726.87; the speed-ups, and FoCa"
                 "'s cited cost, are of 3719.50"),
        fewer("60 % steps", 30, 2231.70, 0.9663, 32.312),
        absent("Delta-DiT (N=2)", BLOCKS, 2480.01, 0.9444, 32.273, needs="delta_dit"),
        absent("Delta-DiT (N=3)", BLOCKS, 1686.76, 0.8721, 32.102, needs="delta_dit"),
        fewer("34 % steps", 17, 1264.63, 0.9453, 32.114),
        absent("Chipmunk", KERNEL, 1505.87, 0.9936, 32.776, needs="chipmunk"),
        method("FORA (N=3)", "fora:interval=3", None, 1320.07, 0.9776, 32.266, note=REUSE.format(17.7)),
        absent("DuCa (N=5)", TOKENS, 978.76, 0.9955, 32.241, needs="duca"),
        method("TaylorSeer (N=4,O=2)", "taylorseer:interval=4,order=2,warmup=3", 14, 1042.27, 0.9857, 32.413),
        method("FoCa (N=5)", "foca:interval=5,warmup=3", 12, 893.54, 1.0029, 32.948),
        fewer("22 % steps", 11, 818.29, 0.8183, 31.772),
        method("FORA (N=4)", "fora:interval=4", 13, 967.91, 0.9730, 32.142),
        absent("ToCa (N=8)", TOKENS, 784.54, 0.9451, 31.993, needs="toca"),
        absent("DuCa (N=7)", TOKENS, 760.14, 0.9757, 32.066, needs="duca"),
        method("TeaCache (l=0.8)", "teacache:threshold=0.8,model=flux", None, 892.35, 0.8683, 31.704,
               note=TEA_FITTED),
        method("TaylorSeer (N=5,O=2)", "taylorseer:interval=5,order=2,warmup=3", 12, 893.54, 0.9768, 32.467),
        method("FoCa (N=7)", "foca:interval=7,warmup=3", 9, 670.44, 0.9891, 32.920),
        method("FORA (N=7)", "fora:interval=7", None, 670.14, 0.7418, 31.519, note=REUSE.format(9.0)),
        absent("ToCa (N=12)", TOKENS, 644.70, 0.7155, 31.808, needs="toca"),
        absent("DuCa (N=10)", TOKENS, 606.91, 0.8382, 31.759, needs="duca"),
        method("TeaCache (l=1.2)", "teacache:threshold=1.2,model=flux", None, 669.27, 0.7394, 31.704,
               note=TEA_FITTED),
        method("TaylorSeer (N=7,O=2)", "taylorseer:interval=7,order=2,warmup=3", 9, 670.44, 0.9128, 32.128),
        method("FoCa (N=8)", "foca:interval=8,warmup=3", 8, 596.07, 0.9502, 32.706),
    ),
    notes=("warm-up 3 is read from the published FLOPs",),
)  # fmt: skip
