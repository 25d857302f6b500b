"""One thread a process: models are tiny, and bit-for-bit comparisons should not hang on the split of work."""

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("foretrace", deadline=None, max_examples=60)
settings.load_profile("foretrace")
