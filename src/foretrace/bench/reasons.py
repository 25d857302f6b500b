"""Why rows of papers are not run, in words that tables share."""

TOKENS = "it computes some tokens on skipped steps; foretrace has no such granularity"
BLOCKS = "it skips some blocks and computes the others; foretrace has no recipe for it"
TRAINED = "it is trained, and the weights of its router are needed; foretrace trains nothing"
KERNEL = "it changes the attention kernel, not the schedule; foretrace does not"
BROADCAST = "it reuses attention at three rates inside a window of timesteps; foretrace has no recipe for it"
GUIDANCE = "it reuses the unconditional branch too; foretrace has no recipe for it"
CLUSTERS = "it computes some tokens of each cluster on skipped steps; foretrace has no such granularity"
FITTED = (
    "its groups of channels are fitted on the model first, and the recipe without them is another method; "
    "fit them with foretrace's fit_channels and pass --methods hyca:groups=..."
)
LEFT_OUT = "this bench was not asked for it, or it asks for more steps than the bench runs"
AT_RUN_TIME = "its steps are decided while it runs, so their number is the model's"
TEA_FITTED = AT_RUN_TIME + "; the polynomial is that published for this model"
