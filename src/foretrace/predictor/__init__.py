"""Predictors: from the points so far and the time to the feature at a skipped step."""

from foretrace.predictor.adaptive import AdaptiveLagrange as AdaptiveLagrange
from foretrace.predictor.aligned import Aligned as Aligned
from foretrace.predictor.base import LinearPredictor as LinearPredictor
from foretrace.predictor.base import Predictor as Predictor
from foretrace.predictor.chebyshev import Chebyshev as Chebyshev
from foretrace.predictor.chebyshev_sums import ChebyshevSums as ChebyshevSums
from foretrace.predictor.dmd import DynamicModes as DynamicModes
from foretrace.predictor.foca import FoCa as FoCa
from foretrace.predictor.foca_bdf2 import FoCaBDF2 as FoCaBDF2
from foretrace.predictor.lagrange import Lagrange as Lagrange
from foretrace.predictor.multistep import AdamsBashforth as AdamsBashforth
from foretrace.predictor.reuse import Reuse as Reuse
from foretrace.predictor.scaled import ScaledLagrange as ScaledLagrange
from foretrace.predictor.soft import SoftLagrange as SoftLagrange
from foretrace.predictor.solvers import AdamsMoulton as AdamsMoulton
from foretrace.predictor.solvers import FlatBackward as FlatBackward
from foretrace.predictor.solvers import MeanSlope as MeanSlope
from foretrace.predictor.taylor import Hermite as Hermite
from foretrace.predictor.taylor import Taylor as Taylor
