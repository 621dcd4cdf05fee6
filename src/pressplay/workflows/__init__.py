"""Argo's objects, built as typed values and rendered to YAML that is checked in, to be read and applied without Python.

`nodes` has the suspended nodes that all flows consist of, `runs` the templates of single runs, `flows` one module a
flow, `render` makes files of them; `events` has what brings GitHub's events. Nothing here speaks to a cluster, and
nothing that a person wrote becomes part of a template.
"""

from __future__ import annotations

import hera.workflows  # noqa: F401 - for what it does to others
import yaml
from yaml.representer import SafeRepresenter

# Hera changes how PyYAML writes texts, for everybody in the process. That is taken back.
SafeRepresenter.add_representer(str, SafeRepresenter.represent_str)
yaml.Dumper.add_representer(str, SafeRepresenter.represent_str)
