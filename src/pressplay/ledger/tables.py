"""The ledger's tables. Alembic's migrations make them; what is here and what they make is held together by a test."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

runs = Table(
    "runs", metadata,
    Column("uid", String(64), primary_key=True),
    Column("namespace", String(63), nullable=False),
    Column("name", String(253), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("repository", String(140), nullable=False),
    Column("admission", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("finished", String(64)),
    Column("backup_branch", String(255)),
    Column("began", Float, nullable=False),
)  # fmt: skip

attempts = Table(
    "attempts", metadata,
    Column("run", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("closed", Boolean, nullable=False, default=False),
    Column("reason", String(64)),
    Column("message", Text),
)  # fmt: skip

actions = Table(
    "actions", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", Float, nullable=False),
    Column("run", String(64), index=True),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("detail", Text, nullable=False),
)  # fmt: skip

calls = Table(
    "calls", metadata,
    Column("id", String(36), primary_key=True),
    Column("run", String(64), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("model", String(128), nullable=False),
    Column("time", Float, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("answered", Boolean, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("input", BigInteger, nullable=False, default=0),
    Column("output", BigInteger, nullable=False, default=0),
    Column("cache_read", BigInteger, nullable=False, default=0),
    Column("cache_write", BigInteger, nullable=False, default=0),
)  # fmt: skip

entries = Table(
    "entries", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", String(64), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("run", "sequence"),
)  # fmt: skip

work = Table(
    "work", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", String(64), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("time", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),
)  # fmt: skip

outputs = Table(
    "outputs", metadata,
    Column("run", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("time", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("outcome", String(32)),
    Column("branch", String(255)),
    Column("head", String(64)),
    Column("pull_request", Integer),
    Column("url", Text),
    Column("verdict", String(16)),
    Column("summary", Text),
)  # fmt: skip
