# Copyright 2026 vpr_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""What docstrings say of parameters, for help and for pages."""

from __future__ import annotations

import inspect
import re

__all__ = ['parameters_told']

# A field of a docstring and the lines below it that are indented further.
_PARAM = re.compile(r'^:param (\w+):[ ]*(.*(?:\n[ ]+.*)*)', re.MULTILINE)


def parameters_told(documented: object) -> dict[str, str]:
    """Return what the docstring of a function or class says of each parameter, as it stands."""
    return dict(_PARAM.findall(inspect.getdoc(documented) or ''))
