"""What `pressplay doctor` finds when GitHub and a vendor are really called; both are the stand-ins, on ports."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from localhub.model.server import Vendor
from pressplay.gateway.signer.apps import Apps
from pressplay.gateway.signer.checks import Outside
from pressplay.github.app import AppClient
from pressplay.protocol.checks import Check
from tests.conformance.hub import Hub
from tests.serving import served


def keys(folder: Path, identity: object, key: str) -> Apps:
    (folder / "default").mkdir(parents=True)
    (folder / "default" / "app-id").write_text(str(identity))
    (folder / "default" / "private-key.pem").write_text(key)
    return Apps(folder)


def apps_checked(apps: Apps, api: str) -> list[Check]:
    async def look() -> list[Check]:
        async with httpx.AsyncClient() as http:
            return await Outside(apps, AppClient(http, api), http).apps_checked(time.time())

    return asyncio.run(look())


def model_checked(address: str, key: str) -> Check:
    async def look() -> Check:
        async with httpx.AsyncClient() as http:
            outside = Outside(Apps(Path("/nowhere")), AppClient(http, address), http)
            return await outside.model_checked(address, {"x-api-key": key})

    return asyncio.run(look())


def test_an_app_that_github_knows_is_told_with_where_it_is_installed(hub: Hub, tmp_path: Path) -> None:
    apps = keys(tmp_path / "keys", hub.app["id"], hub.app["private_key"])
    (found,) = apps_checked(apps, f"{hub.address}/api/v3")
    assert found.ok
    assert found.detail == f"pressplay (id {hub.app['id']}), installed on acme"


def test_an_app_that_is_installed_nowhere_is_told_with_the_page_to_install_it(hub: Hub, tmp_path: Path) -> None:
    other = hub.make("/_hub/apps", {"slug": "lonely"})
    (found,) = apps_checked(keys(tmp_path / "keys", other["id"], other["private_key"]), f"{hub.address}/api/v3")
    assert not found.ok
    assert "installed nowhere" in found.detail
    assert "/apps/lonely/installations/new" in found.remedy


def test_a_key_that_is_not_the_app_s_is_told(hub: Hub, tmp_path: Path) -> None:
    other = hub.make("/_hub/apps", {"slug": "other"})
    (found,) = apps_checked(keys(tmp_path / "keys", hub.app["id"], other["private_key"]), f"{hub.address}/api/v3")
    assert not found.ok
    assert "does not accept the App `default`" in found.detail


@pytest.mark.parametrize(("key", "words"), [("", "no App's key is there"), ("no key", "no RSA key in PEM")])
def test_a_key_that_is_missing_or_broken_is_told(tmp_path: Path, key: str, words: str) -> None:
    apps = keys(tmp_path / "keys", 1, key) if key else Apps(tmp_path / "none")
    (found,) = apps_checked(apps, "http://127.0.0.1:9")
    assert not found.ok
    assert words in found.detail
    assert "pressplay github setup" in found.remedy


def test_a_vendor_takes_a_good_key_refuses_a_bad_one_and_may_not_answer() -> None:
    with served(Vendor(frozenset({"good"})).application()) as address:
        assert model_checked(address, "good").ok
        refused = model_checked(address, "bad")
        assert not refused.ok
        assert "refuses the key (401)" in refused.detail
        assert "pressplay-llm" in refused.remedy
    silent = model_checked(address, "good")
    assert not silent.ok
    assert "does not answer" in silent.detail


def test_a_vendor_that_loses_a_connection_is_asked_again() -> None:
    with losing_one_connection() as address:
        assert model_checked(address, "good").ok


@contextmanager
def losing_one_connection() -> Iterator[str]:
    """An HTTP server that resets its first connection, answers the second, and is gone."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            lost, _ = server.accept()
            lost.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            lost.close()
            answered, _ = server.accept()
            with answered:
                answered.recv(65536)
                answered.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
