"""The report of a bench: one self-contained page, and its figures and numbers. Needs the extra ``bench``."""

from foretrace.bench.report.build import build_report as build_report
