"""What personas may and may never have, beside GitHub's own list of an App's permissions."""

from __future__ import annotations

import json
from pathlib import Path

from pressplay.personas.permissions import LEVELS, MAY_HAVE, problem

DESCRIPTION = Path(__file__).parents[1] / "node/node_modules/@octokit/openapi/generated/api.github.com.json"


def test_every_permission_of_github_s_is_decided_on_and_none_is_invented() -> None:
    schemas = json.loads(DESCRIPTION.read_text())["components"]["schemas"]
    known = schemas["app-permissions"]["properties"]
    assert set(known) >= set(MAY_HAVE)
    for name, told in known.items():
        refused = problem(name, "read")
        assert refused is None or not refused.startswith("GitHub has no such permission"), f"{name} is not decided on"
        if name in MAY_HAVE:
            assert set(LEVELS) & set(told["enum"])
