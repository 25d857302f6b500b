"""What foretrace knows about model families: plain data, found by class name."""

from foretrace.models.spec import ModelSpec as ModelSpec
from foretrace.models.spec import find_spec as find_spec
from foretrace.models.stacks import find_stacks as find_stacks
