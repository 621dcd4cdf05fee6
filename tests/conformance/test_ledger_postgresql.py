"""What holds of the ledger on SQLite holds on a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pressplay.ledger.store import Ledger
from tests.unit import test_ledger_store as on_sqlite

test_calls_at_once_cannot_spend_more_than_there_is = on_sqlite.test_calls_at_once_cannot_spend_more_than_there_is
test_what_a_call_took_replaces_what_was_reserved = on_sqlite.test_what_a_call_took_replaces_what_was_reserved
test_a_transcript_only_grows = on_sqlite.test_a_transcript_only_grows
test_an_attempt_that_was_closed_stays_closed = on_sqlite.test_an_attempt_that_was_closed_stays_closed

SECONDS = 60
USER = "postgres"


def program(name: str) -> str:
    """A program of PostgreSQL's; Debian has them apart from the PATH."""
    found = shutil.which(name) or next(
        (str(each) for each in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    return found or pytest.fail(f"there is no {name}: tools/system-packages installs it", pytrace=False)


def run(*words: str | Path) -> None:
    """Run a program as a user that PostgreSQL takes: it refuses root."""
    become = ["runuser", "--user", USER, "--"] if os.geteuid() == 0 else []
    subprocess.run([*become, *words], check=True, capture_output=True, timeout=SECONDS, cwd="/")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server of our own, on a socket in a folder of its own and on no port."""
    with tempfile.TemporaryDirectory(prefix="pressplay-pg-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        data = folder / "data"
        run(program("initdb"), "--pgdata", data, "--auth", "trust", "--username", "pressplay", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        control = program("pg_ctl")
        run(control, "start", "--wait", "--pgdata", data, "--log", folder / "log", "--options", options)
        try:
            yield f"postgresql+psycopg://pressplay@/postgres?host={folder}"
        finally:
            run(control, "stop", "--mode", "immediate", "--pgdata", data)


@pytest.fixture
def ledger(server: str) -> Iterator[Ledger]:
    """An empty ledger."""
    made = Ledger(server)
    yield made
    made.close()
    where = ("--host", server.rpartition("=")[2], "--username", "pressplay", "--dbname", "postgres")
    run(program("psql"), "--quiet", *where, "--command", "drop schema public cascade; create schema public")


def test_a_ledger_is_opened_again_with_what_it_had(ledger: Ledger, server: str) -> None:
    ledger.save_work("run", 1, b"work")
    again = Ledger(server)
    assert again.saved_work("run") == b"work"
    again.close()
