"""TraCache's table 2: text to video."""

from foretrace.bench.published import PaperTable, Source, absent, fewer, method, uncached
from foretrace.bench.reasons import AT_RUN_TIME, BLOCKS, BROADCAST, GUIDANCE, TEA_FITTED

TABLE = PaperTable(
    name="tracache-2",
    title="Open-Sora 1.2, rflow 30: VBench (TraCache, table 2)",
    source=Source("TraCache, ICLR 2026 submission 4358", "table 2", "section 4.2"),
    model="Open-Sora 1.2, 51 frames at 480p, 950 prompts of VBench with 5 videos each",
    hardware="A800 80 GB",
    weights="",
    reference="shapes-video",
    sampled="rflow",
    steps=30,
    columns=("latency_s", "macs_p", "vbench"),
    rows=(
        uncached("Open-Sora", 72.58, 1.66, 78.85),
        fewer("rflow 15 steps", 15, 37.61, 0.83, 76.69),
        absent("Delta-DiT", BLOCKS, None, 1.63, 78.21, needs="delta_dit"),
        method("FORA", "fora:interval=2", 15, 38.20, 0.85, 76.83),
        absent("PAB", BROADCAST, 53.76, 1.32, 76.56, needs="pab"),
        absent("FasterCache", GUIDANCE, 45.22, 0.99, 78.28, needs="fastercache"),
        method(
            "TeaCache (1)",
            "teacache:threshold=0.2,model=open-sora-1.2",
            None,
            36.47,
            0.86,
            78.11,
            note=TEA_FITTED,
        ),
        method("TraCache (2,2)", "tracache:interval=2,order=2", 15, 41.47, 0.84, 78.64),
        fewer("rflow 10 steps", 10, 24.85, 0.55, 74.54),
        method(
            "TeaCache (2)",
            "teacache:threshold=0.3,model=open-sora-1.2",
            None,
            24.03,
            0.56,
            77.24,
            note=TEA_FITTED,
        ),
        method("AdaCache", "adacache:codebook=fast", None, 30.45, 0.69, 77.19, note=AT_RUN_TIME),
        method("TraCache (3,2)", "tracache:interval=3,order=2", 10, 25.83, 0.55, 78.01),
        method("TraCache (4,2)", "tracache:interval=4,order=2", 8, 21.22, 0.44, 77.38),
    ),
    notes=(
        "the paper took the numbers of Delta-DiT from TeaCache's",
        "Open-Sora has no pipeline in diffusers; another video model can be passed with --model",
        "VBench needs its own models: a reference model is scored by the motions that were asked for",
    ),
)
