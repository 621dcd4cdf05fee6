"""The quarantine has no network, and neither has what it starts."""

from __future__ import annotations

import subprocess
import sys

PROBE = """
import subprocess, sys
from pressplay.gateway.quarantine.seccomp import can_reach_a_network, confine
before = can_reach_a_network()
confine()
child = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], capture_output=True, text=True)
print(before, can_reach_a_network(), "PermissionError" in child.stderr)
"""


def test_after_confining_neither_the_process_nor_its_children_make_a_socket() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "False", "True"], done.stderr
