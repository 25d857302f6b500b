"""FoCa on HunyuanVideo, as HyCa's table has it: FoCa's own table was not at hand."""

from foretrace.bench.published import PaperTable, Source, absent, fewer, method, uncached
from foretrace.bench.reasons import AT_RUN_TIME, CLUSTERS, FITTED, TEA_FITTED, TOKENS

TABLE = PaperTable(
    name="foca-hunyuan",
    title="HunyuanVideo, Euler 50: VBench (FoCa, in HyCa's table 3)",
    source=Source(
        "FoCa, arXiv:2508.16211", "row of table 3 of HyCa, arXiv:2510.04188", "page not seen",
        "a summary of HyCa's table; FoCa's own table on HunyuanVideo is not public outside the paper",
    ),
    model="HunyuanVideo, prompts of VBench",
    hardware="not stated where it was read",
    weights="hunyuanvideo-community/HunyuanVideo",
    reference="shapes-video",
    sampled="flow-matching Euler",
    steps=50,
    columns=("latency_s", "flops_t", "vbench"),
    rows=(
        uncached("50 steps", 145.00, 29773.0, 80.66),
        fewer("22 % steps", 11, 31.87, 6550.1, 78.74),
        method("TeaCache (l=0.4)", "teacache:threshold=0.4,model=hunyuan-video", None, 30.49, 6550.1, 79.36,
               note=TEA_FITTED),
        method("FORA (N=5)", "fora:interval=5,anchor=first", 10, 34.39, 5960.4, 78.83),
        absent("ToCa (N=5)", TOKENS, 38.52, 7006.2, 78.86, needs="toca"),
        absent("DuCa (N=5)", TOKENS, 31.69, 6483.2, 78.72, needs="duca"),
        method("TaylorSeer (N=5,O=1)", "taylorseer:interval=5,order=1,warmup=1", 10, 34.84, 5960.4, 79.93),
        method("SpeCa", "speca:threshold=1.0,decay=0.1,floor=0.1,order=1,first=1,least=4,most=12", None,
               34.58, 5692.7, 79.98, note=AT_RUN_TIME + "; settings released for this model"),
        absent("ClusCa (N=5,K=32)", CLUSTERS, 35.37, 5968.1, 79.96, needs="clusca"),
        method("FoCa (N=5)", "foca:interval=5,warmup=1", 10, 34.52, 5966.5, 79.96),
        absent("HyCa (N=6)", FITTED, 28.48, None, 80.25),
    ),
    notes=(
        "warm-up 1 is read from the published FLOPs",
        "FoCa's abstract claims 6.45x on HunyuanVideo, a setting that no reachable table shows",
        "VBench needs its own models: a reference model is scored by the motions that were asked for",
    ),
)  # fmt: skip
