"""Calibrators: corrections of a forecast that were fitted offline."""

from foretrace.calibrator.base import Calibrator as Calibrator
from foretrace.calibrator.tcc import TCC as TCC
