"""The stand-in for GitHub, served on a port with its own address."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from localhub.keys import new_key
from localhub.server import application
from localhub.state import State
from tests.conformance.hub import Hub, Receiver
from tests.serving import served

# To make a key takes as long as many a test.
KEYS = cache(new_key)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    state = State(tmp_path / "data", "http://127.0.0.1", key_of=KEYS)
    state.load()
    with served(application(state, "admin")) as address:
        # What it says of itself are its own addresses: a client follows them.
        state.url = address
        made = Hub(address)
        yield made
        made.http.close()


@pytest.fixture
def receiver(hub: Hub) -> Iterator[Receiver]:
    """Where the App's webhooks go."""
    made = Receiver()
    with served(made) as address:
        hub.make("/_hub/hooks", {"app_id": hub.app["id"], "url": f"{address}/hook", "secret": "the secret"})
        yield made
