"""git's smart HTTP, spoken without git: the process that holds a token parses no object, and git sees no token.

Fetching is protocol version 2 (gitprotocol-v2), pushing receive-pack of version 1 (gitprotocol-http,
gitprotocol-pack). Packs pass through as bytes. No redirect is followed: a token is for one address.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import httpx

FLUSH = b"0000"
DELIMITER = b"0001"
ZERO = "0" * 40
MOST_REFS = 32 * 1024 * 1024
MOST_PACK = 2 * 1024 * 1024 * 1024
AGENT = "agent=pressplay"


class TransportError(Exception):
    """The other side did not do as the protocol says, or did not answer."""


class RepositoryNotFound(TransportError):
    """There is no such repository, or the token may not see it."""


class Refused(TransportError):
    """The token is not accepted, or may not do this."""


class Moved(TransportError):
    """The repository is elsewhere now; tokens do not follow."""


class Unavailable(TransportError):
    """No answer, or a fault of the other side's: later it may go."""


class PushRefused(TransportError):
    """The ref was not changed.

    Attributes:
        moved: whether it points elsewhere than was expected.
    """

    def __init__(self, message: str, *, moved: bool) -> None:
        super().__init__(message)
        self.moved = moved


@dataclass(frozen=True)
class Remote:
    """A repository that is spoken to.

    Attributes:
        url: of the repository, without `.git/…` paths behind it.
        token: of an installation or a user; None for a public one.
    """

    http: httpx.AsyncClient
    url: str
    token: str | None = None

    def headers(self, **more: str) -> dict[str, str]:
        """With credentials, as GitHub takes installation tokens over git."""
        headers = {"User-Agent": "git/2 pressplay", **{name.replace("_", "-"): value for name, value in more.items()}}
        if self.token:
            pair = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        return headers


@dataclass
class Fetched:
    """What a fetch brings: commits without their parents, and the pack piece by piece.

    `shallow` is complete once the first piece of `pack` was read.
    """

    shallow: list[str]
    pack: AsyncIterator[bytes]


def packet(line: str | bytes) -> bytes:
    """One line as a packet: its length in four hexadecimal digits, then itself."""
    data = line.encode() if isinstance(line, str) else line
    return b"%04x%s" % (len(data) + 4, data)


async def list_refs(remote: Remote, prefixes: Sequence[str]) -> dict[str, str]:
    """Refs whose full names begin with one of `prefixes`, and HEAD's target as `HEAD:<name>` where it is told.

    Raises:
        TransportError: one of its kinds.
    """
    lines = [b"command=ls-refs\n", AGENT.encode(), b"object-format=sha1"]
    arguments = [b"symrefs\n", *(f"ref-prefix {prefix}\n".encode() for prefix in prefixes)]
    body = b"".join(map(packet, lines)) + DELIMITER + b"".join(map(packet, arguments)) + FLUSH
    refs: dict[str, str] = {}
    async with _post(remote, "git-upload-pack", body, version=2) as answer:
        async for line in _packets(answer.aiter_bytes(), MOST_REFS):
            if not line:
                break
            target, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            name, *facts = rest.split(" ")
            refs[name] = target
            for fact in facts:
                if name == "HEAD" and fact.startswith("symref-target:"):
                    refs[f"HEAD:{fact.removeprefix('symref-target:')}"] = target
    return refs


def fetch_body(wants: Sequence[str], haves: Sequence[str], shallow: Sequence[str], depth: int | None) -> bytes:
    """The request for a pack; `done` tells the server not to negotiate further."""
    lines = [b"thin-pack\n", b"ofs-delta\n", b"no-progress\n"]
    lines += [f"shallow {name}\n".encode() for name in shallow]
    lines += [f"deepen {depth}\n".encode()] if depth else []
    lines += [f"want {name}\n".encode() for name in wants]
    lines += [f"have {name}\n".encode() for name in haves]
    head = [b"command=fetch\n", AGENT.encode(), b"object-format=sha1"]
    return b"".join(map(packet, head)) + DELIMITER + b"".join(map(packet, [*lines, b"done\n"])) + FLUSH


class Fetch:
    """One fetch, as an asynchronous context: the pack is read while the connection is open.

    Raises:
        TransportError: one of its kinds, when entered or while the pack is read.
    """

    def __init__(
        self,
        remote: Remote,
        wants: Sequence[str],
        *,
        haves: Sequence[str] = (),
        shallow: Sequence[str] = (),
        depth: int | None = None,
    ) -> None:
        self._post = _post(remote, "git-upload-pack", fetch_body(wants, haves, shallow, depth), version=2)

    async def __aenter__(self) -> Fetched:
        """Ask; answers with the pack still to be read."""
        answer = await self._post.__aenter__()
        lines = _packets(answer.aiter_bytes(), MOST_PACK)
        shallow: list[str] = []
        return Fetched(shallow, _demultiplexed(lines, shallow))

    async def __aexit__(self, *error: object) -> None:
        """Close the connection."""
        await self._post.__aexit__(*error)


async def _demultiplexed(lines: AsyncIterator[bytes | None], shallow: list[str]) -> AsyncIterator[bytes]:
    section = ""
    async for line in lines:
        if line is None:  # a delimiter: the next line names a section
            section = ""
            continue
        if not line:
            return
        if section == "packfile":
            band, data = line[0], line[1:]
            if band == 1:
                yield data
            elif band == 3:
                raise TransportError(f"the server said: {data.decode('utf-8', 'replace').strip()[:300]}")
        elif not section:
            section = line.decode("ascii", "replace").strip()
            if section.startswith("ERR "):
                raise TransportError(f"the server said: {section[4:300]}")
        elif section == "shallow-info" and line.startswith(b"shallow "):
            shallow.append(line.decode("ascii", "replace").split()[1])
    raise Unavailable("the answer ended in the middle")


async def current(remote: Remote, ref: str) -> str | None:
    """What a ref points at, as the side that takes pushes tells it; None where it is not there.

    Raises:
        TransportError: one of its kinds.
    """
    address = f"{remote.url}/info/refs"
    try:
        answer = await remote.http.get(
            address, params={"service": "git-receive-pack"}, headers=remote.headers(), follow_redirects=False
        )
    except httpx.HTTPError as error:
        raise Unavailable(f"{_host(address)} does not answer: {type(error).__name__}") from None
    _check(answer)

    async def whole() -> AsyncIterator[bytes]:
        yield answer.content

    async for line in _packets(whole(), MOST_REFS):
        told = (line or b"").split(b"\0")[0].decode("utf-8", "replace").strip()
        target, _, name = told.partition(" ")
        if name == ref:
            return target
    return None


async def push(remote: Remote, ref: str, old: str | None, new: str, pack: AsyncIterator[bytes]) -> None:
    """Have a ref point at `new`, if it points at `old` now.

    Args:
        old: None where the ref is not to be there yet.
        pack: what the server lacks.

    Raises:
        PushRefused: it points elsewhere, or a rule of the repository's stands in the way.
        TransportError: another of its kinds.
    """
    command = packet(f"{old or ZERO} {new} {ref}\0 report-status {AGENT}\n") + FLUSH

    async def body() -> AsyncIterator[bytes]:
        yield command
        async for piece in pack:
            yield piece

    async with _post(remote, "git-receive-pack", body(), version=1) as answer:
        lines = [
            line.decode("utf-8", "replace").strip() async for line in _packets(answer.aiter_bytes(), MOST_REFS) if line
        ]
    _judge_push(lines, ref)


def _judge_push(lines: Sequence[str], ref: str) -> None:
    if f"ok {ref}" in lines and any(line.startswith("unpack ok") for line in lines):
        return
    refused = next((line.removeprefix(f"ng {ref}").strip() for line in lines if line.startswith(f"ng {ref}")), None)
    if not lines:
        # The push may have been done: who tries again looks first.
        raise Unavailable(f"the answer to the push of {ref} broke off")
    if refused is None:
        raise TransportError(f"the push was not taken: {' / '.join(lines)[:300]}")
    moved = any(word in refused for word in ("fetch first", "non-fast-forward", "stale info", "failed to update ref",
                                             "already exists", "cannot lock"))  # fmt: skip
    raise PushRefused(f"{ref}: {refused[:300]}", moved=moved)


class _Posted:
    """A request whose answer is read while the connection is open."""

    def __init__(self, remote: Remote, service: str, body: bytes | AsyncIterator[bytes], version: int) -> None:
        self._remote = remote
        self._address = f"{remote.url}/{service}"
        kind = f"application/x-{service}"
        extra: Mapping[str, str] = {"Git_Protocol": "version=2"} if version == 2 else {}
        self._request = remote.http.build_request(
            "POST",
            self._address,
            content=body,
            headers=remote.headers(Content_Type=f"{kind}-request", Accept=f"{kind}-result", **extra),
        )
        self._answer: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        try:
            self._answer = await self._remote.http.send(self._request, stream=True, follow_redirects=False)
        except httpx.HTTPError as error:
            raise Unavailable(f"{_host(self._address)} does not answer: {type(error).__name__}") from None
        try:
            _check(self._answer)
        except TransportError:
            await self._answer.aclose()
            raise
        return self._answer

    async def __aexit__(self, *error: object) -> None:
        if self._answer is not None:
            await self._answer.aclose()


def _post(remote: Remote, service: str, body: bytes | AsyncIterator[bytes], *, version: int) -> _Posted:
    return _Posted(remote, service, body, version)


def _host(address: str) -> str:
    return httpx.URL(address).host


def _check(answer: httpx.Response) -> None:
    code = answer.status_code
    where = _host(str(answer.request.url))
    if code == 200:
        return
    if code in (301, 302, 303, 307, 308):
        raise Moved(f"{where} says that the repository has moved; use its new name")
    if code == 404:
        raise RepositoryNotFound(f"{where} has no such repository, or the App is not installed on it")
    if code == 401:
        # It was made a moment ago: it has ended since, as by the end of the process that took it.
        raise Unavailable(f"{where} does not take the token any more")
    limited = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    if code == 403 and not limited:
        raise Refused(f"{where} refused the token ({code})")
    if code >= 500 or code == 429 or limited:
        told = (
            f"; it takes requests again in {answer.headers['retry-after']} s" if "retry-after" in answer.headers else ""
        )
        raise Unavailable(f"{where} answered {code}{told}")
    raise TransportError(f"{where} answered {code}")


async def _packets(pieces: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes | None]:
    """The packets of a stream: data, `b""` for a flush, None for a delimiter.

    Raises:
        TransportError: it is no stream of packets, or too long.
        Unavailable: the connection broke, or the answer ended in the middle.
    """
    buffer = bytearray()
    total = 0
    try:
        async for piece in pieces:
            total += len(piece)
            if total > most:
                raise TransportError(f"the answer is longer than {most:,} bytes")
            buffer += piece
            while (length := _length(buffer)) is not None and len(buffer) >= max(length, 4):
                yield _taken(buffer, length)
    except httpx.HTTPError as error:
        raise Unavailable(f"the connection broke: {type(error).__name__}") from None
    if buffer:
        raise Unavailable("the answer ended in the middle of a packet")


def _length(buffer: bytearray) -> int | None:
    if len(buffer) < 4:
        return None
    try:
        length = int(bytes(buffer[:4]), 16)
    except ValueError:
        raise TransportError("the answer is not git's protocol") from None
    if length == 3:
        raise TransportError("the answer is not git's protocol")
    return length


def _taken(buffer: bytearray, length: int) -> bytes | None:
    data = bytes(buffer[4:length]) if length > 4 else b""
    del buffer[: max(length, 4)]
    return None if length in (1, 2) else data
