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
FLOW: Final = "agents.platform/flow"
FLOW_ID: Final = "agents.platform/flow-id"
FLOW_KEY: Final = "agents.platform/flow-key"
REPOSITORY_ID: Final = "agents.platform/repository-id"
SUBJECT: Final = "agents.platform/subject"
WORKSTREAM: Final = "agents.platform/workstream"
# A play, a task of it, and the paths that the task says it will touch, a line each.
PLAY: Final = "agents.platform/play"
TASK: Final = "agents.platform/task"
PATHS: Final = "agents.platform/paths"
ABOUT: Final = "agents.platform/about"
# Of a play that a newer one goes on with: its tasks are that one's now.
SUCCEEDED_BY: Final = "agents.platform/succeeded-by"
GENERATION: Final = "agents.platform/generation"
WORKFLOW_UID: Final = "agents.platform/workflow-uid"
NODE: Final = "agents.platform/node"
STEP: Final = "agents.platform/step"
NUDGED: Final = "agents.platform/nudged"
STOPPED: Final = "agents.platform/stopped"
# What of a Workflow that failed is to begin anew (`kube.retries`), and why that could not be.
RETRY: Final = "agents.platform/retry"
RETRY_REFUSED: Final = "agents.platform/retry-refused"
PARKED: Final = "agents.platform/parked"

# The WorkflowTemplate with the suspended nodes that flows consist of.
NODES: Final = "pressplay-nodes"

# The pod of a run.
PREPARE_CONTAINER: Final = "workspace"
REFEREE_CONTAINER: Final = "referee"
RUNNER_CONTAINER: Final = "runner"
WORKBENCH_CONTAINER: Final = "workbench"
RUN_SERVICE_ACCOUNT: Final = "pressplay-run"
WORKSPACE_PATH: Final = "/workspace"
MIRROR_PATH: Final = "/mirror"
EXCHANGE_PATH: Final = "/exchange"
# Where our own containers see what the referee sees as workspace and exchange.
REFEREE_PATH: Final = "/referee"
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
EVENTS_PORT: Final = 8083

# Variables of the processes in the pod of a run; there is nothing in them that is secret or that an event wrote.
GATEWAY_VARIABLE: Final = "PRESSPLAY_GATEWAY"
ATTEMPT_VARIABLE: Final = "PRESSPLAY_ATTEMPT"
