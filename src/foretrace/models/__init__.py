"""What foretrace knows about model families: plain data, found by class name."""

from foretrace.models.modules import Places as Places
from foretrace.models.modules import block_places as block_places
from foretrace.models.modules import check_uncompiled as check_uncompiled
from foretrace.models.modules import first_attention as first_attention
from foretrace.models.modules import module_places as module_places
from foretrace.models.modules import role_places as role_places
from foretrace.models.spec import ModelSpec as ModelSpec
from foretrace.models.spec import find_spec as find_spec
from foretrace.models.stacks import find_stacks as find_stacks
