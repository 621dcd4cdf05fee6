"""`python -m pressplay.personas [FOLDER…]`: the personas of folders as JSON, or what is wrong with them.

For `pressplay agents list`, which executes it in the gateway's container, and for whoever writes personas. Prompts are
left out: they are long, and a list needs none.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pressplay.personas.loader import PersonaError, load


def main() -> int:
    """Write them; 1 where they cannot be used."""
    folders = sys.argv[1:] or os.environ.get("PRESSPLAY_AGENTS", "/app/agents").split(os.pathsep)
    try:
        personas = load(*(Path(each) for each in folders))
    except PersonaError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps([one.model_dump(mode="json") | {"prompt": "-"} for one in personas]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
