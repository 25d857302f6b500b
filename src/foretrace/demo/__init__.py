"""The embedded reference models: real pipelines in diffusers' format, trained by ``training/``."""

from foretrace.demo.reference import REFERENCES as REFERENCES
from foretrace.demo.reference import reference as reference
