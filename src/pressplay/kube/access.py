"""The API server, as a kubeconfig or a pod's own account reaches it: by plain requests.

Objects are dicts. Errors of the client become `Refused` (the API server answered) or `Unreachable` (nobody did), of one
line each. Synchronous: the command line does one thing after another, others call it in threads. Must know nothing of
runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client, config
from urllib3.response import BaseHTTPResponse

JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA_EVENT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
MERGE_PATCH = "application/merge-patch+json"
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
# Kept open; by default it is five a core.
CONNECTIONS = 32
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

    def __init__(self, configuration: Any, namespace: str, seconds: float = ANSWER_SECONDS) -> None:
        self._configuration = configuration
        # Not ApiClient's own calls: they turn objects into models, and streams into whole texts.
        self._pool: urllib3.PoolManager = client.ApiClient(configuration).rest_client.pool_manager
        self._seconds = seconds
        self.namespace = namespace
        self.server: str = configuration.host

    def hurried(self, seconds: float) -> Access:
        """The same cluster, for who cannot wait longer than so many seconds for an answer."""
        return Access(self._configuration, self.namespace, seconds)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read an object or a list."""
        return self._json("GET", path, query)

    def find(self, path: str) -> dict[str, Any] | None:
        """Read an object; None where there is none."""
        try:
            return self.get(path)
        except Refused as refused:
            if refused.status != HTTPStatus.NOT_FOUND:
                raise
            return None

    def metadata(self, path: str, **query: str) -> dict[str, Any]:
        """A list of objects of which only the metadata is told."""
        answer = self._whole(self._request("GET", path, query, accept=METADATA, read_seconds=self._seconds))
        # An empty list of this kind has `null` in its place.
        return {**answer, "items": answer.get("items") or []}

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

    def execute(self, namespace: str, pod: str, container: str, *command: str, seconds: float = 60.0) -> str:
        """Execute a command in a container and wait for its end; answers its standard output."""
        # Here, since few commands need what it imports.
        from pressplay.kube.execute import execute

        return execute(self._configuration, namespace, pod, container, list(command), seconds)

    def watch(
        self, path: str, seconds: int, *, metadata: bool = False, **query: str
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        """Events of a watch, until the API server ends it, which it does after `seconds`.

        Args:
            metadata: of objects only that is told.

        Raises:
            Refused: it does not begin.
            Unreachable: it was cut.
        """
        query = {**query, "watch": "1", "timeoutSeconds": str(seconds)}
        accept = METADATA_EVENT if metadata else JSON
        for line in self.lines(path, read_seconds=seconds + CONNECT_SECONDS, accept=accept, **query):
            try:
                event = json.loads(line)
            except ValueError:
                raise Unreachable(f"the API server at {self.server} broke off in the middle of an event") from None
            yield event

    def lines(
        self, path: str, read_seconds: float | None = None, accept: str = JSON, **query: str
    ) -> Iterator[bytes]:  # fmt: skip
        """The lines of an answer as they come."""
        response = self._request("GET", path, query, read_seconds=read_seconds, accept=accept)
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
        return self._whole(self._request(method, path, query, body, kind, read_seconds=self._seconds))

    def _whole(self, response: BaseHTTPResponse) -> dict[str, Any]:
        """The object that is answered.

        Raises:
            Unreachable: it did not come whole; what was asked for may have been done all the same.
        """
        try:
            answer = json.loads(response.read())
        except urllib3.exceptions.HTTPError as error:
            response.close()
            raise Unreachable(f"the API server at {self.server} broke off: {_in_one_line(error)}") from None
        except ValueError:
            raise Unreachable(f"the API server at {self.server} did not answer with an object") from None
        finally:
            response.release_conn()
        if not isinstance(answer, dict):
            raise Unreachable(f"the API server at {self.server} did not answer with an object")
        return answer

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: object = None,
        kind: str = JSON,
        read_seconds: float | None = None,
        accept: str = JSON,
    ) -> BaseHTTPResponse:
        url = f"{self.server}{path}{'?' if query else ''}{urlencode(query)}"
        headers = {"Accept": accept, **({"Content-Type": kind} if body is not None else {}), **self._authorization()}
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, self._seconds), read=read_seconds),
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
    configuration.connection_pool_maxsize = CONNECTIONS
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
    except Exception as error:  # noqa: BLE001 - the client takes the file's shape for granted, and breaks anywhere
        what = f"it is no kubeconfig ({type(error).__name__}: {_in_one_line(error)[:200]})"
        raise Unreachable(f"the kubeconfig {location} cannot be used: {what}") from None
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
    try:
        text = response.read()
    except urllib3.exceptions.HTTPError:
        # The status is known, and says enough.
        response.close()
        text = b""
    response.release_conn()
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    message = told.get("message") or text.decode(errors="replace")[:300] or str(response.reason)
    return Refused(response.status, str(told.get("reason") or ""), " ".join(str(message).split()))


def _in_one_line(error: Exception) -> str:
    """The innermost cause, as urllib3 wraps what happened."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None)) is not None and isinstance(inner, BaseException):
        cause = inner
    return " ".join(str(cause).split())
