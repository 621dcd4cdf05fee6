"""From what a run hands over to a pull request: tree, rules, one commit, push, and each state is kept before the next.

A gateway that ends in the middle goes on at its next start: the commit is the same for the same output, a push that was
done is seen, and a pull request is looked for before one is opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import httpx
from pydantic import SecretStr

from pressplay.gateway.answers import Rejected
from pressplay.gateway.locks import Locks
from pressplay.gateway.mirrors import Mirrors
from pressplay.gateway.plan import Plan
from pressplay.gateway.quarantine.client import Quarantine
from pressplay.gateway.references import References
from pressplay.gateway.refusals import FAILURES, LATER, rejected
from pressplay.gateway.signer.client import Signer
from pressplay.github import text
from pressplay.github.client import GitHub, PullRequest
from pressplay.github.errors import NotFound
from pressplay.github.remarks import remark
from pressplay.ledger.outputs import OutputRow
from pressplay.ledger.runs import RunRow
from pressplay.ledger.store import Ledger
from pressplay.ledger.taints import Taint, Taints
from pressplay.personas.agreement import lacking
from pressplay.personas.loader import Personas
from pressplay.personas.schema import Writes
from pressplay.policy import effects
from pressplay.policy.contracts import CONTRACT_PATH, MOST_TOLD, violations
from pressplay.policy.redaction import Redactor
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.quarantine import CommitRequest, Tree
from pressplay.protocol.run import Accepted, Output, Violation
from pressplay.resources.reasons import Reason
from pressplay.workspace.smart_http import (
    PushRefused,
    Remote,
    current,
    list_refs,
    push,
)

LOG = logging.getLogger(__name__)
MOST_BODY = 50_000
_WORDS = ("title", "body", "summary", "comment")


_TAINTED = "**Tainted.**"


def _warning(taint: Taint) -> str:
    """What people are told of a pull request that strangers' words have reached."""
    why = text.title(taint.told(), 500)
    told = "Before it is merged a person who may write and did not ask for it answers for its commit:"
    return f"{_TAINTED} {why}. {told} `/pressplay approve`."


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
    references: References
    taints: Taints
    now: Callable[[], float] = time.time
    _runs: Locks = field(default_factory=Locks)
    _under_way: set[asyncio.Task[Accepted]] = field(default_factory=set)
    _given_up: set[str] = field(default_factory=set)

    async def take(self, row: RunRow, plan: Plan, output: Output) -> Accepted:
        """Take an output in. The same output again gets the same answer.

        Raises:
            Rejected: rules are broken, or GitHub stands in the way; status 503 where it may go later.
        """
        # A runner that goes away must not leave an output half way; what nobody holds may be collected in the middle.
        task = asyncio.create_task(self._take(row, plan, output))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _take(self, row: RunRow, plan: Plan, output: Output) -> Accepted:
        self._permitted(plan, output)
        await self._threads_are_its_own(row, plan, output)
        digest = hashlib.sha256(output.model_dump_json().encode()).hexdigest()
        clean = await asyncio.to_thread(self._redacted, output)
        async with self._runs.hold(row.uid):
            earlier = await asyncio.to_thread(self.ledger.output, row.uid)
            if earlier is not None and earlier.accepted is not None:
                return earlier.accepted
            now = await asyncio.to_thread(self.ledger.run, row.uid)
            if now is None or now.finished is not None:
                # Its record was read already: what came now would be seen by nobody.
                raise Rejected(Reason.OUTPUT_REFUSED, "the run has ended, and takes nothing in any more", 409)
            kept = await asyncio.to_thread(self.ledger.receive_output, row.uid, digest, clean)
            return await self._go_on(row, plan, kept)

    def _permitted(self, plan: Plan, output: Output) -> None:
        """Only what the persona may bring about, as it is now: it may have been changed since the run began."""
        persona = self.personas.find(plan.persona)
        broken = effects.violations(persona, output)
        if not broken and output.comment and not self._comments(plan):
            told = f"{persona.title} has nowhere to comment in this run; say it in the body of finish"
            broken = [Violation(rule="effect", message=told)]
        if not broken and output.resolved and not effects.may_resolve(persona, plan.pull_request):
            broken = [Violation(rule="effect", message="this run has no pull request whose threads it could resolve")]
        if broken:
            final = any(each.rule == effects.PERMISSION for each in broken)
            reason = Reason.PERSONA_NOT_PERMITTED if final else Reason.OUTPUT_REFUSED
            raise Rejected(reason, "; ".join(each.message for each in broken), 422, tuple(broken))

    async def _threads_are_its_own(self, row: RunRow, plan: Plan, output: Output) -> None:
        """Only threads of the run's own pull request are resolved; looked at before anything is done."""
        if not output.resolved or plan.pull_request is None:
            return
        try:
            async with self._resolving(row, plan) as github:
                there = {str(each["id"]) for each in await github.review_threads(row.repository, plan.pull_request)}
        except FAILURES as error:
            raise rejected(error) from None
        if strange := [each for each in output.resolved if each not in there]:
            told = (
                f"pull request {plan.pull_request} has no review thread {strange[0]}; name those that you were told of"
            )
            raise Rejected(Reason.OUTPUT_REFUSED, told, 422, (Violation(rule="effect", message=told),))

    async def recover(self) -> None:
        """Go on with outputs whose way was cut off; one that fails does not keep the others from it."""
        for uid in await asyncio.to_thread(self.ledger.unfinished_outputs):
            if uid in self._given_up:
                continue
            try:
                await self._recover(uid)
            except Rejected as error:
                LOG.warning("the output of run %s is not on GitHub yet: %s", uid, error)
                if error.status < LATER:
                    self._given_up.add(uid)
            except Exception:
                # Whatever is wrong with one, the others are not to wait for it.
                LOG.warning("the output of run %s cannot be gone on with", uid, exc_info=True)
                self._given_up.add(uid)

    async def _recover(self, uid: str) -> None:
        async with self._runs.hold(uid):
            row, kept = await asyncio.to_thread(lambda: (self.ledger.run(uid), self.ledger.output(uid)))
            if row is not None and kept is not None and row.finished != Reason.CANCELLED:
                plan = Plan.model_validate_json(row.plan)
                self._permitted(plan, kept.output)
                await self._go_on(row, plan, kept)

    @asynccontextmanager
    async def at_rest(self, uid: str) -> AsyncIterator[None]:
        """Wait until nothing of a run's is under way, and let nothing begin within the block."""
        async with self._runs.hold(uid):
            yield

    async def _go_on(self, row: RunRow, plan: Plan, kept: OutputRow) -> Accepted:
        if kept.accepted is not None:
            return kept.accepted
        try:
            tree = None
            if kept.state == "received":
                # Who only formats must leave what the formatter makes, also where nothing was changed.
                unchanged = kept.output.changes.empty and not self._writes(plan).formatting
                tree = None if unchanged else await self._checked(row, plan, kept.output.changes)
                if tree is None or not tree.changes:
                    await self._comment(row, plan, kept.output)
                    await self._resolve(row, plan, kept.output)
                    await self._done(row, "nothing_to_change")
                    return Accepted(outcome="nothing_to_change")
            return await self._publish(row, plan, kept, tree)
        except FAILURES as error:
            raise rejected(error) from None

    async def _checked(self, row: RunRow, plan: Plan, changes: Changeset) -> Tree:
        """The final tree, if its difference from the base breaks no rule."""
        if changes.base != row.admission.base_sha:
            raise Rejected(Reason.OUTPUT_REFUSED, "the work is not based on the commit that this run began on")
        tree = await self.quarantine.tree(row.repository_id, changes)
        # Aside: what is large takes seconds, and other runs are waiting.
        writes = self._writes(plan)
        broken = await asyncio.to_thread(violations, tree.changes, writes)
        if writes.formatting and len(broken) < MOST_TOLD:
            broken = [*broken, *await self.references.violations(row, tree)][:MOST_TOLD]
        if broken:
            told = "; ".join(each.message for each in broken[:10])
            if self._comments(plan) and any(each.rule == CONTRACT_PATH for each in broken):
                told += "; leave those files as they were, and say in `comment` of finish what must change there"
            raise Rejected(Reason.OUTPUT_REFUSED, told, 422, tuple(broken))
        return tree

    def _writes(self, plan: Plan) -> Writes:
        return self.personas.find(plan.persona).writes

    def _comments(self, plan: Plan) -> bool:
        return effects.may_comment(self.personas.find(plan.persona), plan.issue, plan.pull_request)

    async def _publish(self, row: RunRow, plan: Plan, kept: OutputRow, tree: Tree | None) -> Accepted:
        persona = self.personas.find(plan.persona)
        branch = row.admission.branch
        async with self.signer.token(
            persona.app, row.repository, dict(effects.PUBLISHING), "output", row.repository_id
        ) as token:
            github = GitHub(self.http, self.api, token.token)
            remote = self.mirrors.remote(row.repository, token.token.get_secret_value())
            head = kept.head
            if head is None:
                tree = tree or await self._checked(row, plan, kept.output.changes)
                login, identity = await github.bot(token.app_slug)
                head = await self._commit(row, tree, kept.output, kept.time, login, f"{identity}+{login}")
                await asyncio.to_thread(self.ledger.advance_output, row.uid, "committed", head=head, branch=branch)
            if kept.state != "pushed":
                await self._push(row, remote, branch, head)
                await asyncio.to_thread(self.ledger.advance_output, row.uid, "pushed")
            pull = await github.open_pull(
                row.repository,
                branch=branch,
                base=row.admission.base,
                title=self._title(kept.output, 200),
                body=await self._body(row, plan, kept.output),
            )
            await self._tell_taint(github, row, pull, f"{token.app_slug}[bot]")
        await self._comment(row, plan, kept.output)
        await self._resolve(row, plan, kept.output)
        await self._done(row, "pull_request", pull_request=pull.number, url=pull.url, head=head, branch=branch)
        return Accepted(outcome="pull_request", pull_request=pull.number, url=pull.url, branch=branch, head=head)

    async def _comment(self, row: RunRow, plan: Plan, output: Output) -> None:
        """Say what the persona has to say where the task stands; once, however often this is gone on with."""
        number = plan.pull_request or plan.issue
        if not output.comment or number is None:
            return
        app, access = self.personas.find(plan.persona).app, effects.commenting(plan.pull_request)
        async with self.signer.token(app, row.repository, access, "comment", row.repository_id) as token:
            body = f"{self._rendered(output.comment, MOST_BODY)}\n\n---\n{self._maker(row, plan)}"
            github = GitHub(self.http, self.api, token.token)
            url = await remark(github, row.repository, number, row.uid, body, f"{token.app_slug}[bot]")
        await asyncio.to_thread(self.ledger.note, row.uid, "gateway", "commented", {"url": url})

    async def _resolve(self, row: RunRow, plan: Plan, output: Output) -> None:
        """Resolve the threads that are dealt with; one that is resolved, or gone, by now needs nothing."""
        if not output.resolved or plan.pull_request is None:
            return
        async with self._resolving(row, plan) as github:
            every = await github.review_threads(row.repository, plan.pull_request)
            open_ = {str(each["id"]) for each in every if not each["isResolved"]}
            for thread in output.resolved:
                if thread in open_:
                    with suppress(NotFound):
                        await github.resolve_thread(thread)
        told: dict[str, object] = {"pull_request": plan.pull_request, "threads": list(output.resolved)}
        await asyncio.to_thread(self.ledger.note, row.uid, "gateway", "resolved-threads", told)

    @asynccontextmanager
    async def _resolving(self, row: RunRow, plan: Plan) -> AsyncIterator[GitHub]:
        app, access = self.personas.find(plan.persona).app, dict(effects.RESOLVING)
        async with self.signer.token(app, row.repository, access, "threads", row.repository_id) as token:
            yield GitHub(self.http, self.api, token.token)

    async def _tell_taint(self, github: GitHub, row: RunRow, pull: PullRequest, login: str) -> None:
        """Say on a pull request that was there already that it is tainted from now on; once."""
        taint = await asyncio.to_thread(self.taints.of_run, row.uid)
        if taint is not None and _TAINTED not in pull.body:
            await remark(github, row.repository, pull.number, "tainted", _warning(taint), login)

    async def _commit(self, row: RunRow, tree: Tree, output: Output, moment: float, login: str, address: str) -> str:
        title, body = self._title(output, 100), self._rendered(output.summary or output.body, 2_000)
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
        if branch == row.admission.base:
            raise Rejected(Reason.PUSH_REJECTED, f"{branch} is what the pull request is for; set another spec.branch")
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
        said = self._rendered(output.body, MOST_BODY)
        closes = f"\n\nCloses #{plan.issue}" if plan.issue else ""
        taint = await asyncio.to_thread(self.taints.of_run, row.uid)
        warning = f"\n\n{_warning(taint)}" if taint is not None else ""
        return f"{said}{closes}{warning}\n\n---\n{self._maker(row, plan)[:-1]}, ${cost / 1e6:.4f}."

    def _maker(self, row: RunRow, plan: Plan) -> str:
        return f"Made by Pressplay: run `{row.namespace}/{row.name}`, persona {plan.persona}, model {plan.models[0]}."

    def _redacted(self, output: Output) -> Output:
        return output.model_copy(update={name: self.redactor.redact(getattr(output, name)) for name in _WORDS})

    # Twice: rendering takes characters out that hid a secret, and puts others in that would hide one.

    def _title(self, output: Output, most: int) -> str:
        return self.redactor.redact(text.title(self.redactor.redact(output.title), most))

    def _rendered(self, said: str, most: int) -> str:
        return self.redactor.redact(text.rendered(self.redactor.redact(said), most))

    async def _done(self, row: RunRow, outcome: Literal["pull_request", "nothing_to_change"], **values: object) -> None:
        await asyncio.to_thread(self.ledger.advance_output, row.uid, "done", outcome=outcome, **values)

    async def keep_work(self, row: RunRow, plan: Plan) -> str | None:
        """Push unfinished work that came to no pull request to a branch of its own; None where there is none.

        To be called within `at_rest`: an output that is under way would come to a pull request after all.
        """
        body = await asyncio.to_thread(self.ledger.saved_work, row.uid)
        output = await asyncio.to_thread(self.ledger.output, row.uid)
        if body is None or (output is not None and output.accepted is not None):
            return None
        changes = Changeset.model_validate_json(body)
        persona = self.personas.find(plan.persona)
        if changes.empty or lacking(persona, effects.BACKUP):
            return None
        moment = self.now()
        # Two runs can end within a second.
        branch = f"backup/auto-save-{datetime.fromtimestamp(moment, UTC):%Y%m%d%H%M%S}-{row.uid[:8]}"
        try:
            tree = await self._checked(row, plan, changes)
            access = dict(effects.BACKUP)
            async with self.signer.token(persona.app, row.repository, access, "backup", row.repository_id) as token:
                login, identity = await self._bot(token.token, token.app_slug)
                unfinished = Output(changes=changes, title=f"Unfinished work of {row.name}")
                head = await self._commit(row, tree, unfinished, moment, login, f"{identity}+{login}")
                remote = self.mirrors.remote(row.repository, token.token.get_secret_value())
                await self._push_new(row, remote, branch, head)
        except (Rejected, *FAILURES) as error:
            LOG.warning("unfinished work of %s/%s stays in the ledger only: %s", row.namespace, row.name, error)
            return None
        return branch

    async def _bot(self, token: SecretStr, slug: str) -> tuple[str, int]:
        return await GitHub(self.http, self.api, token).bot(slug)

    async def _push_new(self, row: RunRow, remote: Remote, branch: str, head: str) -> None:
        async with self.quarantine.push_pack(row.repository_id, head, [row.admission.base_sha]) as (_, pack):
            await push(remote, f"refs/heads/{branch}", None, head, pack)
