"""Commands in containers, as `kubectl exec` carries them out: over a web socket of the API server's."""

from __future__ import annotations

from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from pressplay.kube.access import Refused, Unreachable


def execute(configuration: Any, namespace: str, pod: str, container: str, command: list[str], seconds: float) -> str:
    """Execute a command and wait for its end; answers its standard output.

    Raises:
        Refused: the API server does not let this user, there is no such pod, or the command failed.
        Unreachable: the way broke off, or the command did not end in time.
    """
    # A client of its own: `stream` replaces the way in which a client sends.
    core = client.CoreV1Api(client.ApiClient(configuration))
    try:
        way = stream(
            core.connect_get_namespaced_pod_exec, pod, namespace, container=container, command=command,
            stdout=True, stderr=True, stdin=False, tty=False, _preload_content=False, _request_timeout=seconds,
        )  # fmt: skip
        way.run_forever(timeout=seconds)
        said, complained = way.read_stdout(timeout=0) or "", way.read_stderr(timeout=0) or ""
        code = way.returncode
        way.close()
    except ApiException as error:
        raise Refused(int(error.status or 0), str(error.reason), " ".join(str(error.reason).split())) from None
    except Exception as error:  # noqa: BLE001 - the web socket's library raises what its lowest layers do
        raise Unreachable(f"a command in {pod} broke off: {type(error).__name__}: {error}") from None
    if code is None:
        raise Unreachable(f"a command in {pod} did not end within {seconds:.0f} s")
    if code:
        raise Refused(500, "CommandFailed", f"{command[0]} ended with {code}: {' '.join(complained.split())[-300:]}")
    return str(said)
