"""Gates: what is decided at run time, from the run itself."""

from foretrace.gate.base import Gate as Gate
from foretrace.gate.base import Signal as Signal
from foretrace.gate.budget import Budget as Budget
from foretrace.gate.error_estimate import ErrorEstimate as ErrorEstimate
