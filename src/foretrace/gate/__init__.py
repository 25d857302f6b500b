"""Gates: what is decided at run time, from the run itself."""

from foretrace.gate.base import Gate as Gate
from foretrace.gate.base import Signal as Signal
from foretrace.gate.budget import Budget as Budget
from foretrace.gate.error_estimate import ErrorEstimate as ErrorEstimate
from foretrace.gate.first_block import FirstBlock as FirstBlock
from foretrace.gate.teacache import TeaCache as TeaCache
from foretrace.gate.verifier import Verifier as Verifier
