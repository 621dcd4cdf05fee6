"""Names that several processes must agree on: labels, containers, paths in the pod of a run, audiences, ports."""

from __future__ import annotations

from typing import Final

# Labels and annotations.
RUN_UID: Final = "agents.platform/run-uid"
RUN_NAME: Final = "agents.platform/run"
RUN_KIND: Final = "agents.platform/run-kind"
ATTEMPT: Final = "agents.platform/attempt"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGER: Final = "pressplay"
RETRY_OF: Final = "agents.platform/retry-of"

# The pod of a run.
PREPARE_CONTAINER: Final = "workspace"
RUNNER_CONTAINER: Final = "runner"
WORKBENCH_CONTAINER: Final = "workbench"
RUN_SERVICE_ACCOUNT: Final = "pressplay-run"
WORKSPACE_PATH: Final = "/workspace"
EXCHANGE_PATH: Final = "/exchange"
TOKEN_FOLDER: Final = "/var/run/secrets/pressplay"  # noqa: S105 - a path
TOKEN_PATH: Final = "/var/run/secrets/pressplay/token"  # noqa: S105 - a path
# Both users share the group, so that each can write what the other made.
RUNNER_UID: Final = 10000
WORKBENCH_UID: Final = 10001
SHARED_GID: Final = 10002

# Audiences of tokens: a token for one of the gateway's listeners is worth nothing at the other, nor at the API server.
RUNS_AUDIENCE: Final = "pressplay-runs"
CONTROL_AUDIENCE: Final = "pressplay-control"

# The gateway's listeners.
RUNS_PORT: Final = 8080
CONTROL_PORT: Final = 8081
HEALTH_PORT: Final = 8082

# Variables of the processes in the pod of a run; there is nothing in them that is secret or that an event wrote.
GATEWAY_VARIABLE: Final = "PRESSPLAY_GATEWAY"
ATTEMPT_VARIABLE: Final = "PRESSPLAY_ATTEMPT"
