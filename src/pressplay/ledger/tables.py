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

references = Table(
    "references", metadata,
    Column("run", String(64), primary_key=True),
    Column("time", Float, nullable=False),
    Column("tree", String(64), nullable=False),
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

events = Table(
    "events", metadata,
    Column("digest", String(64), primary_key=True),
    Column("received", Float, nullable=False),
    Column("times", Integer, nullable=False, default=1),
    Column("kind", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("repository", String(170)),
    Column("repository_id", BigInteger),
    Column("actor", String(80)),
    Column("effect", String(16)),
    Column("why", Text),
    Column("body", LargeBinary, nullable=False),
    Column("said", String(255), index=True),
)  # fmt: skip

flows = Table(
    "flows", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(255), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("flow", String(64), nullable=False),
    Column("repository", String(170), nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("subject", String(255), nullable=False, index=True),
    Column("head", String(64)),
    Column("actor", String(80), nullable=False),
    Column("event", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("again", Boolean, nullable=False),
    Column("by_person", Boolean, nullable=False),
    Column("created", Float, nullable=False),
    Column("workflow", String(253)),
    Column("phase", String(16)),
    Column("why", Text),
    Column("told", Boolean),
    Column("moment", Float),
    UniqueConstraint("key", "generation"),
)  # fmt: skip

flow_runs = Table(
    "flow_runs", metadata,
    Column("run", String(64), primary_key=True),
    Column("flow", Integer, nullable=False, index=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("branch", String(255), nullable=False, index=True),
)  # fmt: skip

wakes = Table(
    "wakes", metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("time", Float, nullable=False),
    Column("why", Text, nullable=False),
    UniqueConstraint("repository_id", "subject"),
    # No id comes twice, so that to forget one never forgets a later one.
    sqlite_autoincrement=True,
)  # fmt: skip

gates = Table(
    "gates", metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", String(255), primary_key=True),
    Column("gate", String(16), primary_key=True),
    Column("head", String(64), nullable=False),
    Column("verdict", String(32)),
    Column("message", Text, nullable=False),
    Column("time", Float, nullable=False),
)  # fmt: skip

reruns = Table(
    "reruns", metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("head", String(64), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("app", BigInteger, primary_key=True, autoincrement=False),
    Column("check", BigInteger, nullable=False),
    Column("started", String(40), nullable=False),
    Column("asked", Float, nullable=False),
    Column("refused", Boolean, nullable=False),
)  # fmt: skip

triages = Table(
    "triages", metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("head", String(64), primary_key=True),
    Column("verdict", String(32), nullable=False),
    Column("check", BigInteger),
    Column("job", BigInteger),
    Column("name", String(200), nullable=False),
    Column("log", Text, nullable=False),
    Column("time", Float, nullable=False),
)  # fmt: skip

commands = Table(
    "commands", metadata,
    Column("key", String(255), primary_key=True),
    Column("event", String(64), nullable=False, index=True),
    Column("repository", String(170), nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("answer", Text, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("time", Float, nullable=False),
)  # fmt: skip

taints = Table(
    "taints", metadata,
    Column("run", String(64), primary_key=True),
    Column("repository_id", BigInteger, nullable=False, index=True),
    Column("subject", String(255), nullable=False),
    Column("branch", String(255), nullable=False),
    Column("reason", Text, nullable=False),
    Column("origin", String(320), nullable=False),
    Column("time", Float, nullable=False),
)  # fmt: skip

approvals = Table(
    "approvals", metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", String(255), primary_key=True),
    Column("head", String(64), primary_key=True),
    Column("actor", String(80), primary_key=True),
    Column("event", String(64), nullable=False),
    Column("time", Float, nullable=False),
)  # fmt: skip

polls = Table(
    "polls", metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("repository", String(170), nullable=False),
    Column("time", Float, nullable=False),
    Column("known", Text, nullable=False),
)  # fmt: skip
