"""Container engines: finding the one that answers, and on a bare Debian machine starting one of our own.

This package must not know of Kubernetes: what it hands out is an engine's address and command line.
"""

from localkube.engine.debian import install_and_start, stop
from localkube.engine.detect import find_engine
from localkube.engine.home import EngineHome
from localkube.engine.model import Engine

__all__ = ["Engine", "EngineHome", "find_engine", "install_and_start", "stop"]
