"""The reference models: real pipelines in diffusers' format, trained by ``training/``."""

from foretrace.demo.references import REFERENCES as REFERENCES
from foretrace.demo.references import reference as reference
