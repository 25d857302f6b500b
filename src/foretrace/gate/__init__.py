"""Gates: what is decided at run time, from the run itself."""

from foretrace.gate.adacache import AdaCache as AdaCache
from foretrace.gate.base import Gate as Gate
from foretrace.gate.base import Signal as Signal
from foretrace.gate.budget import Budget as Budget
from foretrace.gate.bwcache import BWCache as BWCache
from foretrace.gate.dicache import DiCache as DiCache
from foretrace.gate.easy_cache import EasyCache as EasyCache
from foretrace.gate.error_estimate import ErrorEstimate as ErrorEstimate
from foretrace.gate.first_block import FirstBlock as FirstBlock
from foretrace.gate.foresight import Foresight as Foresight
from foretrace.gate.mag_cache import MagCache as MagCache
from foretrace.gate.probe_forecast import ProbeForecast as ProbeForecast
from foretrace.gate.refresh_repay import RefreshRepay as RefreshRepay
from foretrace.gate.sea_cache import SeaCache as SeaCache
from foretrace.gate.sen_cache import SenCache as SenCache
from foretrace.gate.speculative import Speculative as Speculative
from foretrace.gate.step_modulation import StepModulation as StepModulation
from foretrace.gate.teacache import TeaCache as TeaCache
from foretrace.gate.verifier import Verifier as Verifier
