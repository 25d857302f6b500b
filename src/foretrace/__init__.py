"""foretrace: faster sampling of diffusion transformers by forecasting their features between steps.

with foretrace.accelerate(pipe, "tracache", interval=5, order=4) as run:
    image = pipe("a cat").images[0]
print(run.report)
"""

from foretrace.calibrator import TCC as TCC
from foretrace.calibrator import Calibrator as Calibrator
from foretrace.combinator.bands import Bands as Bands
from foretrace.combinator.blend import Blend as Blend
from foretrace.combinator.by_step import ByStep as ByStep
from foretrace.combinator.centered import Centered as Centered
from foretrace.combinator.channels import Channels as Channels
from foretrace.combinator.clamp import ClampGain as ClampGain
from foretrace.combinator.corrected import Corrected as Corrected
from foretrace.combinator.damped import Damped as Damped
from foretrace.combinator.trust import Trust as Trust
from foretrace.combinator.warped import Warped as Warped
from foretrace.demo.references import reference as reference
from foretrace.errors import ForetraceError as ForetraceError
from foretrace.gate import AdaCache as AdaCache
from foretrace.gate import Budget as Budget
from foretrace.gate import BWCache as BWCache
from foretrace.gate import DiCache as DiCache
from foretrace.gate import EasyCache as EasyCache
from foretrace.gate import ErrorEstimate as ErrorEstimate
from foretrace.gate import FirstBlock as FirstBlock
from foretrace.gate import Foresight as Foresight
from foretrace.gate import Gate as Gate
from foretrace.gate import MagCache as MagCache
from foretrace.gate import ProbeForecast as ProbeForecast
from foretrace.gate import RefreshRepay as RefreshRepay
from foretrace.gate import SeaCache as SeaCache
from foretrace.gate import SenCache as SenCache
from foretrace.gate import Speculative as Speculative
from foretrace.gate import StepModulation as StepModulation
from foretrace.gate import TeaCache as TeaCache
from foretrace.gate import Verifier as Verifier
from foretrace.granularity import PerBlock as PerBlock
from foretrace.granularity import PerModel as PerModel
from foretrace.granularity import PerModule as PerModule
from foretrace.granularity import PerStack as PerStack
from foretrace.history import Step as Step
from foretrace.macs import count_call as count_call
from foretrace.method import Method as Method
from foretrace.methods import available_methods as available_methods
from foretrace.methods import citation as citation
from foretrace.methods import load_method as load_method
from foretrace.offline.calibrate import calibrate as calibrate
from foretrace.offline.fit import fit as fit
from foretrace.offline.record import record as record
from foretrace.offline.recording import Recording as Recording
from foretrace.offline.transfer import transfer as transfer
from foretrace.offline.tune import tune as tune
from foretrace.predictor import AdamsBashforth as AdamsBashforth
from foretrace.predictor import AdamsMoulton as AdamsMoulton
from foretrace.predictor import AdaptiveLagrange as AdaptiveLagrange
from foretrace.predictor import Chebyshev as Chebyshev
from foretrace.predictor import ChebyshevSums as ChebyshevSums
from foretrace.predictor import DynamicModes as DynamicModes
from foretrace.predictor import FlatBackward as FlatBackward
from foretrace.predictor import FoCa as FoCa
from foretrace.predictor import FoCaBDF2 as FoCaBDF2
from foretrace.predictor import Hermite as Hermite
from foretrace.predictor import Lagrange as Lagrange
from foretrace.predictor import LinearPredictor as LinearPredictor
from foretrace.predictor import MeanSlope as MeanSlope
from foretrace.predictor import Predictor as Predictor
from foretrace.predictor import Reuse as Reuse
from foretrace.predictor import ScaledLagrange as ScaledLagrange
from foretrace.predictor import SoftLagrange as SoftLagrange
from foretrace.predictor import Taylor as Taylor
from foretrace.profile import Profile as Profile
from foretrace.runtime import accelerate as accelerate
from foretrace.runtime import attach as attach
from foretrace.runtime.report import Report as Report
from foretrace.schedule import Counter as Counter
from foretrace.schedule import Growing as Growing
from foretrace.schedule import Mask as Mask
from foretrace.schedule import Schedule as Schedule
from foretrace.schedule import Stride as Stride
from foretrace.schedule import Window as Window

__version__ = "0.1.0"

__all__ = [
    "TCC",
    "AdaCache",
    "AdamsBashforth",
    "AdamsMoulton",
    "AdaptiveLagrange",
    "BWCache",
    "Bands",
    "Blend",
    "Budget",
    "ByStep",
    "Calibrator",
    "Centered",
    "Channels",
    "Chebyshev",
    "ChebyshevSums",
    "ClampGain",
    "Corrected",
    "Counter",
    "Damped",
    "DiCache",
    "DynamicModes",
    "EasyCache",
    "ErrorEstimate",
    "FirstBlock",
    "FlatBackward",
    "FoCa",
    "FoCaBDF2",
    "Foresight",
    "ForetraceError",
    "Gate",
    "Growing",
    "Hermite",
    "Lagrange",
    "LinearPredictor",
    "MagCache",
    "Mask",
    "MeanSlope",
    "Method",
    "PerBlock",
    "PerModel",
    "PerModule",
    "PerStack",
    "Predictor",
    "ProbeForecast",
    "Profile",
    "Recording",
    "RefreshRepay",
    "Report",
    "Reuse",
    "ScaledLagrange",
    "Schedule",
    "SeaCache",
    "SenCache",
    "SoftLagrange",
    "Speculative",
    "Step",
    "StepModulation",
    "Stride",
    "Taylor",
    "TeaCache",
    "Trust",
    "Verifier",
    "Warped",
    "Window",
    "accelerate",
    "attach",
    "available_methods",
    "calibrate",
    "citation",
    "count_call",
    "fit",
    "load_method",
    "record",
    "reference",
    "transfer",
    "tune",
]
