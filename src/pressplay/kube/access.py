"""The API server as a person at a terminal reaches it: kubeconfig, context, namespace, and plain requests.

Objects are dicts. Errors of the client become `Refused` (the API server answered) or `Unreachable` (nobody did), of one
line each. Synchronous: the command line does one thing after another. Must know nothing of runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client, config
from urllib3.response import BaseHTTPResponse

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
IN_CLUSTER_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Unreachable(Exception):
    """There is no cluster to talk to, or it does not answer."""


class Refused(Exception):
    """The API server said no.

    Attributes:
        status: as in HTTP.
        reason: as in `metav1.Status`: NotFound, Forbidden, AlreadyExists, Invalid, …
        message: the API server's own words.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


class Access:
    """One cluster, reached as one user.

    Attributes:
        namespace: the one that is meant where none is said.
        server: the API server's address, for messages.
    """

    def __init__(self, configuration: Any, namespace: str) -> None:
        self._configuration = configuration
        # Not ApiClient's own calls: they turn objects into models, and streams into whole texts.
        self._pool: urllib3.PoolManager = client.ApiClient(configuration).rest_client.pool_manager
        self.namespace = namespace
        self.server: str = configuration.host

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read an object or a list."""
        return self._json("GET", path, query)

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        """Create an object in a collection; answers it as it is now."""
        return self._json("POST", path, query, body, JSON)

    def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object; answers it as it is now."""
        return self._json("PUT", path, {}, body, JSON)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change an object by a merge patch; answers it as it is now."""
        return self._json("PATCH", path, {}, body, MERGE_PATCH)

    def delete(self, path: str) -> dict[str, Any]:
        """Delete an object."""
        return self._json("DELETE", path, {})

    def watch(self, path: str, seconds: int, **query: str) -> Iterator[dict[str, Any]]:
        """Events of a watch, until the API server ends it, which it does after `seconds`."""
        query = {**query, "watch": "1", "timeoutSeconds": str(seconds)}
        for line in self.lines(path, read_seconds=seconds + CONNECT_SECONDS, **query):
            yield json.loads(line)

    def lines(self, path: str, read_seconds: float | None = None, **query: str) -> Iterator[bytes]:
        """The lines of an answer as they come."""
        response = self._request("GET", path, query, read_seconds=read_seconds)
        rest = b""
        try:
            for chunk in response.stream(65536):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
            if rest:
                yield rest
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"the API server at {self.server} broke off: {_in_one_line(error)}") from None
        finally:
            response.close()

    def _json(
        self, method: str, path: str, query: Mapping[str, str], body: object = None, kind: str = JSON
    ) -> dict[str, Any]:
        response = self._request(method, path, query, body, kind, read_seconds=ANSWER_SECONDS)
        try:
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            response.release_conn()
        return answer

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: object = None,
        kind: str = JSON,
        read_seconds: float | None = None,
    ) -> BaseHTTPResponse:
        url = f"{self.server}{path}{'?' if query else ''}{urlencode(query)}"
        headers = {"Accept": JSON, **({"Content-Type": kind} if body is not None else {}), **self._authorization()}
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                retries=False,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"the API server at {self.server} does not answer: {_in_one_line(error)}") from None
        if response.status >= 400:
            raise _refusal(response)
        return response

    def _authorization(self) -> dict[str, str]:
        # Asked each time: a token of an exec plug-in may have been renewed.
        found = self._configuration.auth_settings().get("BearerToken")
        return {"Authorization": found["value"]} if found and found["value"] else {}


def connect(kubeconfig: str | None = None, context: str | None = None, namespace: str | None = None) -> Access:
    """Reach the cluster that kubectl would: of the kubeconfig's current context, or the one that this pod is in.

    Raises:
        Unreachable: there is no usable kubeconfig.
    """
    configuration = client.Configuration()
    location = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    files = [Path(part).expanduser() for part in location.split(os.pathsep) if part]
    if not any(file.is_file() for file in files) and IN_CLUSTER_NAMESPACE.is_file() and not kubeconfig:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return Access(configuration, namespace or IN_CLUSTER_NAMESPACE.read_text().strip())
    if not any(file.is_file() for file in files):
        raise Unreachable(f"there is no kubeconfig at {location}")
    try:
        config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=location, context=context, client_configuration=configuration, persist_config=False
        )
        told = _context(location, context)
    except config.ConfigException as error:
        raise Unreachable(f"the kubeconfig {location} cannot be used: {_in_one_line(error)}") from None
    return Access(configuration, namespace or told.get("namespace") or "default")


def _context(location: str, wanted: str | None) -> dict[str, str]:
    contexts, active = config.list_kube_config_contexts(config_file=location)  # type: ignore[no-untyped-call]
    chosen = next((each for each in contexts if each["name"] == wanted), active)
    return dict(chosen.get("context") or {})


def objects(group_version: str, plural: str, namespace: str | None = None, name: str = "", part: str = "") -> str:
    """The path of a collection or an object: `objects("apps/v1", "deployments", "default", "web")`."""
    root = f"/api/{group_version}" if "/" not in group_version else f"/apis/{group_version}"
    parts = [root, *(["namespaces", quote(namespace, safe="")] if namespace else []), plural]
    return "/".join([*parts, *([quote(name, safe="")] if name else []), *([part] if part else [])])


def _refusal(response: BaseHTTPResponse) -> Refused:
    text = response.read()
    response.release_conn()
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    message = told.get("message") or text.decode(errors="replace")[:300] or str(response.reason)
    return Refused(response.status, str(told.get("reason") or ""), " ".join(str(message).split()))


def _in_one_line(error: Exception) -> str:
    """The innermost cause, as urllib3 wraps what happened."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None)) is not None and isinstance(inner, BaseException):
        cause = inner
    return " ".join(str(cause).split())
