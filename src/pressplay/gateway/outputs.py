"""From what a run hands over to a pull request: tree, rules, one commit, push, and each state is kept before the next.

A gateway that ends in the middle goes on at its next start: the commit is the same for the same output, a push that was
done is seen, and a pull request is looked for before one is opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import httpx
from pydantic import SecretStr

from pressplay.gateway.answers import Rejected
from pressplay.gateway.mirrors import Mirrors
from pressplay.gateway.plan import Plan
from pressplay.gateway.quarantine.client import Quarantine, QuarantineRefused
from pressplay.gateway.signer.client import Signer, SignerRefused
from pressplay.github import text
from pressplay.github.client import GitHub
from pressplay.github.errors import GitHubError, RateLimited, Unavailable
from pressplay.ledger.store import Ledger, OutputRow, RunRow
from pressplay.personas.loader import Personas
from pressplay.policy.contracts import violations
from pressplay.policy.redaction import Redactor
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.quarantine import CommitRequest, Tree
from pressplay.protocol.run import Accepted, Output
from pressplay.resources.reasons import Reason
from pressplay.workspace.smart_http import (
    PushRefused,
    Refused,
    Remote,
    TransportError,
    current,
    list_refs,
    push,
)
from pressplay.workspace.smart_http import Unavailable as TransportUnavailable

LOG = logging.getLogger(__name__)
MOST_BODY = 50_000


@dataclass
class Outputs:
    """Takes outputs in.

    Attributes:
        api: address of GitHub's API.
        host: GitHub's host, for the addresses of bots.
        now: seconds since 1970.
    """

    ledger: Ledger
    quarantine: Quarantine
    signer: Signer
    mirrors: Mirrors
    http: httpx.AsyncClient
    api: str
    host: str
    personas: Personas
    redactor: Redactor
    now: Callable[[], float] = time.time
    _one_at_a_time: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def take(self, row: RunRow, plan: Plan, output: Output) -> Accepted:
        """Take an output in. The same output again gets the same answer.

        Raises:
            Rejected: rules are broken, or GitHub stands in the way; status 503 where it may go later.
        """
        # Shielded: a runner that goes away must not leave an output half way.
        return await asyncio.shield(self._take(row, plan, output))

    async def _take(self, row: RunRow, plan: Plan, output: Output) -> Accepted:
        async with self._one_at_a_time.setdefault(row.uid, asyncio.Lock()):
            digest = hashlib.sha256(output.model_dump_json().encode()).hexdigest()
            kept = await asyncio.to_thread(self.ledger.receive_output, row.uid, digest, output)
            if kept.accepted is not None:
                return kept.accepted
            if kept.state == "received" and output.changes.empty:
                await self._done(row, "nothing_to_change")
                return Accepted(outcome="nothing_to_change")
            return await self._go_on(row, plan, kept)

    async def recover(self) -> None:
        """Go on with outputs whose way was cut off."""
        for kept in await asyncio.to_thread(self.ledger.unfinished_outputs):
            row = await asyncio.to_thread(self.ledger.run, kept.run)
            if row is None:
                continue
            try:
                async with self._one_at_a_time.setdefault(row.uid, asyncio.Lock()):
                    await self._go_on(row, Plan.model_validate_json(row.plan), kept)
            except Rejected as error:
                LOG.warning("the output of %s/%s is not on GitHub yet: %s", row.namespace, row.name, error)

    async def _go_on(self, row: RunRow, plan: Plan, kept: OutputRow) -> Accepted:
        if kept.state == "received":
            tree = await self._checked(row, plan, kept.output.changes)
            if not tree.changes:
                await self._done(row, "nothing_to_change")
                return Accepted(outcome="nothing_to_change")
        try:
            return await self._publish(row, plan, kept)
        except SignerRefused as error:
            raise Rejected(error.refusal.reason, error.refusal.message, 503 if error.transient else 422) from None
        except (Unavailable, RateLimited, TransportUnavailable) as error:
            raise Rejected(Reason.GITHUB_UNAVAILABLE, str(error), 503) from None
        except (PushRefused, Refused) as error:
            raise Rejected(Reason.PUSH_REJECTED, str(error)) from None
        except (GitHubError, TransportError) as error:
            raise Rejected(Reason.GITHUB_UNAVAILABLE, str(error), 503) from None

    async def _checked(self, row: RunRow, plan: Plan, changes: Changeset) -> Tree:
        """The final tree, if its difference from the base breaks no rule."""
        if changes.base != row.admission.base_sha:
            raise Rejected(Reason.OUTPUT_REFUSED, "the work is not based on the commit that this run began on")
        try:
            tree = await self.quarantine.tree(row.repository_id, changes)
        except QuarantineRefused as error:
            refusal = error.refusal
            raise Rejected(refusal.reason, refusal.message, error.status, refusal.violations) from None
        broken = violations(tree.changes, self.personas.find(plan.persona).writes)
        if broken:
            told = "; ".join(each.message for each in broken[:10])
            raise Rejected(Reason.OUTPUT_REFUSED, f"{told}", 422, tuple(broken))
        return tree

    async def _publish(self, row: RunRow, plan: Plan, kept: OutputRow) -> Accepted:
        persona = self.personas.find(plan.persona)
        branch = row.admission.branch
        async with self.signer.token(
            persona.app, row.repository, {"contents": "write", "pull_requests": "write"}, "output"
        ) as token:
            github = GitHub(self.http, self.api, token.token)
            remote = self.mirrors.remote(row.repository, token.token.get_secret_value())
            head = kept.head
            if head is None:
                login, identity = await github.bot(token.app_slug)
                head = await self._commit(row, kept.output, kept.time, login, f"{identity}+{login}")
                await asyncio.to_thread(self.ledger.advance_output, row.uid, "committed", head=head, branch=branch)
            if kept.state != "pushed":
                await self._push(row, remote, branch, head)
                await asyncio.to_thread(self.ledger.advance_output, row.uid, "pushed")
            pull = await github.open_pull(
                row.repository,
                branch=branch,
                base=row.admission.base,
                title=text.title(self.redactor.redact(kept.output.title)),
                body=await self._body(row, plan, kept.output),
            )
        await self._done(row, "pull_request", pull_request=pull.number, url=pull.url, head=head, branch=branch)
        return Accepted(outcome="pull_request", pull_request=pull.number, url=pull.url, branch=branch, head=head)

    async def _commit(self, row: RunRow, output: Output, moment: float, login: str, address: str) -> str:
        tree = await self.quarantine.tree(row.repository_id, output.changes)
        title = text.title(self.redactor.redact(output.title), 100)
        body = text.rendered(self.redactor.redact(output.summary or output.body), 2_000)
        return await self.quarantine.commit(
            row.repository_id,
            CommitRequest(
                tree=tree.tree,
                parent=output.changes.base,
                message=f"{title}\n\n{body}\n\nPressplay-Run: {row.namespace}/{row.name}\n",
                author_name=login,
                author_email=f"{address}@users.noreply.{self.host}",
                time=int(moment),
            ),
        )

    async def _push(self, row: RunRow, remote: Remote, branch: str, head: str) -> None:
        ref = f"refs/heads/{branch}"
        there = await current(remote, ref)
        if there == head:
            return
        if there is not None and there != row.admission.base_sha:
            raise PushRefused(f"{branch} was changed by somebody else meanwhile; retry to begin on what is there now",
                              moved=True)  # fmt: skip
        has = sorted(
            {row.admission.base_sha, *(await list_refs(remote, [f"refs/heads/{row.admission.base}"])).values()}
        )
        async with self.quarantine.push_pack(row.repository_id, head, has) as (_, pack):
            await push(remote, ref, there, head, pack)

    async def _body(self, row: RunRow, plan: Plan, output: Output) -> str:
        _, cost = await asyncio.to_thread(self.ledger.totals, row.uid)
        said = text.rendered(self.redactor.redact(output.body), MOST_BODY)
        closes = f"\n\nCloses #{plan.issue}" if plan.issue else ""
        facts = f"run `{row.namespace}/{row.name}`, persona {plan.persona}, model {plan.models[0]}, ${cost / 1e6:.4f}"
        return f"{said}{closes}\n\n---\nMade by Pressplay: {facts}."

    async def _done(self, row: RunRow, outcome: Literal["pull_request", "nothing_to_change"], **values: object) -> None:
        await asyncio.to_thread(self.ledger.advance_output, row.uid, "done", outcome=outcome, **values)

    async def keep_work(self, row: RunRow, plan: Plan) -> str | None:
        """Push unfinished work that came to no pull request to a branch of its own; None where there is none."""
        body = await asyncio.to_thread(self.ledger.saved_work, row.uid)
        output = await asyncio.to_thread(self.ledger.output, row.uid)
        if body is None or (output is not None and output.accepted is not None):
            return None
        changes = Changeset.model_validate_json(body)
        if changes.empty:
            return None
        moment = self.now()
        branch = f"backup/auto-save-{datetime.fromtimestamp(moment, UTC):%Y%m%d%H%M%S}"
        try:
            await self._checked(row, plan, changes)
            persona = self.personas.find(plan.persona)
            async with self.signer.token(persona.app, row.repository, {"contents": "write"}, "backup") as token:
                login, identity = await self._bot(token.token, token.app_slug)
                unfinished = Output(changes=changes, title=f"Unfinished work of {row.name}")
                head = await self._commit(row, unfinished, moment, login, f"{identity}+{login}")
                remote = self.mirrors.remote(row.repository, token.token.get_secret_value())
                await self._push_new(row, remote, branch, head)
        except (Rejected, SignerRefused, QuarantineRefused, GitHubError, TransportError) as error:
            LOG.warning("unfinished work of %s/%s stays in the ledger only: %s", row.namespace, row.name, error)
            return None
        return branch

    async def _bot(self, token: SecretStr, slug: str) -> tuple[str, int]:
        return await GitHub(self.http, self.api, token).bot(slug)

    async def _push_new(self, row: RunRow, remote: Remote, branch: str, head: str) -> None:
        async with self.quarantine.push_pack(row.repository_id, head, [row.admission.base_sha]) as (_, pack):
            await push(remote, f"refs/heads/{branch}", None, head, pack)
