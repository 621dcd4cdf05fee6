"""Whether a run may begin, and what is settled then: the first thing that stands in its way ends it, with a remedy."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx

from pressplay.gateway.answers import Rejected
from pressplay.gateway.mirrors import Mirrors
from pressplay.gateway.plan import Plan
from pressplay.gateway.signer.client import Signer, SignerRefused
from pressplay.github.client import GitHub
from pressplay.github.errors import GitHubError, NotFound, RateLimited, Unavailable
from pressplay.github.threads import as_text, thread_of
from pressplay.ledger.store import Ledger, RunRow
from pressplay.llm.catalogue import Catalogue, UnknownModel
from pressplay.llm.messages import Wire
from pressplay.llm.presets import DEFAULT
from pressplay.personas.loader import Personas, UnknownPersona
from pressplay.personas.schema import Persona
from pressplay.planner.backlog import BacklogError, Task, parse
from pressplay.policy.cluster import ClusterPolicy, refusal
from pressplay.protocol.control import Admission, AdmissionRequest
from pressplay.protocol.signer import Models, Token
from pressplay.resources.coderun import CodeRunSpec
from pressplay.resources.docsrun import DocsRunSpec
from pressplay.resources.reasons import Reason
from pressplay.resources.run import Budget
from pressplay.workspace import smart_http

DEFAULT_DEPTH = 50
ENGINES = ("native",)

Spec = CodeRunSpec | DocsRunSpec


@dataclass(frozen=True)
class Admissions:
    """Admits runs.

    Attributes:
        api: address of GitHub's API.
    """

    ledger: Ledger
    signer: Signer
    mirrors: Mirrors
    http: httpx.AsyncClient
    api: str
    personas: Personas
    policy: ClusterPolicy
    catalogue: Catalogue

    async def admit(self, request: AdmissionRequest) -> Admission:
        """Admit a run; asked again, the answer is the same.

        Raises:
            Rejected: it may not begin; status 503 where it may later.
        """
        known = await asyncio.to_thread(self.ledger.run, request.uid)
        if known is not None:
            return known.admission
        spec = _spec(request)
        persona = self._persona(spec.persona_name)
        refused = refusal(self.policy, request.namespace, spec, persona.name)
        if refused is not None:
            raise Rejected(refused.reason, refused.message)
        if (spec.engine or "native") not in ENGINES:
            raise Rejected(
                Reason.UNKNOWN_ENGINE, f"there is no engine `{spec.engine}`; use one of: {', '.join(ENGINES)}"
            )
        models = await self.signer.models()
        chosen = self._models(spec, persona, models)
        continued = await self._continued(request, spec)
        try:
            async with self.signer.token(
                persona.app,
                spec.repository,
                {"contents": "read", "issues": "read", "pull_requests": "read"},
                "admission",
            ) as token:
                admission, task = await self._look(request, spec, persona, token, chosen[0], continued)
        except SignerRefused as error:
            raise Rejected(error.refusal.reason, error.refusal.message, 503 if error.transient else 422) from None
        budget = _budget(spec.budget, persona)
        plan = Plan(
            persona=persona.name, wire=models.wire, models=chosen, task=task,
            depth=(spec.workspace.depth if spec.workspace else None) or DEFAULT_DEPTH,
            tokens=budget.tokens, micro_dollars=budget.micro_dollars, steps=budget.steps, seconds=admission.seconds,
            continued=continued.uid if continued else None,
            issue=spec.issue if isinstance(spec, CodeRunSpec) else None,
        )  # fmt: skip
        row = await asyncio.to_thread(self.ledger.admit, request, admission, plan.model_dump_json())
        return row.admission

    def _persona(self, name: str) -> Persona:
        try:
            return self.personas.find(name)
        except UnknownPersona as error:
            raise Rejected(Reason.UNKNOWN_PERSONA, str(error)) from None

    def _models(self, spec: Spec, persona: Persona, models: Models) -> tuple[str, ...]:
        if models.problem is not None:
            raise Rejected(Reason.MODEL_REFUSED_KEY, models.problem, 503)
        preferred = spec.model or persona.models.get(models.wire)
        chosen = (preferred,) if preferred else models.models
        for name in chosen:
            try:
                found = self.catalogue.find(name)
            except UnknownModel as error:
                raise Rejected(Reason.UNKNOWN_MODEL, str(error)) from None
            if found.wire is not Wire(models.wire):
                raise Rejected(
                    Reason.UNKNOWN_MODEL,
                    f"`{name}` is a model of {found.wire}; this cluster has a key of {models.wire}",
                )
        return tuple(self.catalogue.find(name).name for name in chosen)

    async def _continued(self, request: AdmissionRequest, spec: Spec) -> RunRow | None:
        name = spec.continue_from if isinstance(spec, CodeRunSpec) else None
        if name is None:
            return None
        found = await asyncio.to_thread(self.ledger.find_run, request.namespace, name)
        if found is None or found.repository.lower() != spec.repository.lower():
            raise Rejected(
                Reason.CONTINUE_FROM_NOT_FOUND, f"there is no run `{name}` on {spec.repository} in {request.namespace}"
            )
        return found

    async def _look(
        self,
        request: AdmissionRequest,
        spec: Spec,
        persona: Persona,
        token: Token,
        model: str,
        continued: RunRow | None,
    ) -> tuple[Admission, str]:
        github = GitHub(self.http, self.api, token.token)
        try:
            repository = await github.repository(spec.repository)
            base, branch = await self._branches(request, spec, github, str(repository["default_branch"]))
            remote = self.mirrors.remote(spec.repository, token.token.get_secret_value())
            start, commit = await self._start(remote, base, branch)
            if continued is not None:
                commit = continued.admission.base_sha
            identity = int(repository["id"])
            depth = (spec.workspace.depth if spec.workspace else None) or DEFAULT_DEPTH
            if continued is None:
                await self.mirrors.bring(remote, identity, start, commit, depth)
            task = await self._task(spec, github, identity, commit)
        except NotFound as error:
            raise Rejected(Reason.REPOSITORY_NOT_FOUND, error.message) from None
        except (Unavailable, RateLimited, smart_http.Unavailable) as error:
            raise Rejected(Reason.GITHUB_UNAVAILABLE, str(error), 503) from None
        except (GitHubError, smart_http.TransportError) as error:
            raise Rejected(Reason.REPOSITORY_NOT_FOUND, str(error)) from None
        budget = _budget(spec.budget, persona)
        admission = Admission(
            uid=request.uid, repository_id=identity, repository=spec.repository, base=base, base_sha=commit,
            branch=branch, persona=persona.name, model=model, seconds=budget.seconds or 7200,
            image=spec.workbench.image if spec.workbench else None,
            directory=spec.directory if isinstance(spec, CodeRunSpec) else "",
        )  # fmt: skip
        return admission, task

    async def _branches(self, request: AdmissionRequest, spec: Spec, github: GitHub, default: str) -> tuple[str, str]:
        """The branch that the pull request is for, and the one that holds the work."""
        number = spec.pull_request if isinstance(spec, CodeRunSpec) else None
        if number is not None:
            pull = await github.pull(spec.repository, number)
            if (pull["head"].get("repo") or {}).get("full_name", "").lower() != spec.repository.lower():
                raise Rejected(Reason.TASK_NOT_FOUND, f"pull request {number} is from a fork, which no App may push to")
            return str(pull["base"]["ref"]), str(pull["head"]["ref"])
        branch = spec.branch or f"pressplay/{request.name[:60]}-{request.uid.replace('-', '')[:6]}"
        base = spec.base or default
        if branch in (base, default):
            raise Rejected(
                Reason.INVALID_RUN, f"spec.branch is {branch}, which the pull request would be for; choose another name"
            )
        return base, branch

    async def _start(self, remote: smart_http.Remote, base: str, branch: str) -> tuple[str, str]:
        """Where the work begins: at the run's branch where that is there already, else at the base."""
        for name in (branch, base):
            commit = await self.mirrors.branch(remote, name)
            if commit is not None:
                return name, commit
        raise Rejected(Reason.BASE_NOT_FOUND, f"there is no branch {base}; set spec.base to one that is there")

    async def _task(self, spec: Spec, github: GitHub, identity: int, commit: str) -> str:
        if isinstance(spec, DocsRunSpec):
            return await self._documents(spec, identity, commit)
        if spec.task is not None:
            text = spec.task
        else:
            number = spec.issue or spec.pull_request or 0
            try:
                subject = await github.issue(spec.repository, number)
            except NotFound:
                raise Rejected(
                    Reason.TASK_NOT_FOUND, f"{spec.repository} has no issue or pull request {number}"
                ) from None
            comments = await github.comments(spec.repository, number)
            reviews = await github.review_threads(spec.repository, number) if spec.pull_request else []
            thread = thread_of(subject, comments, reviews)
            text = as_text(thread, "Pull request" if spec.pull_request else "Issue")
        criteria = "".join(f"\n- {each}" for each in spec.acceptance_criteria or [])
        return f"{text}\n\nDone when:{criteria}" if criteria else text

    async def _documents(self, spec: DocsRunSpec, identity: int, commit: str) -> str:
        found = await self.mirrors.quarantine.files(identity, commit, [spec.tasks_file])
        if spec.tasks_file not in found:
            raise Rejected(
                Reason.TASK_NOT_FOUND, f"{spec.repository} has no {spec.tasks_file}; set spec.tasksFile to the backlog"
            )
        try:
            tasks = parse(found[spec.tasks_file], spec.tag)
        except BacklogError as error:
            raise Rejected(Reason.TASK_NOT_FOUND, f"{spec.tasks_file}: {error}") from None
        return documents_task(spec, tasks)


def documents_task(spec: DocsRunSpec, tasks: list[Task]) -> str:
    """What a run that writes documents is told."""
    lines = [
        f"Write the documents of {len(tasks)} tasks, from {spec.tasks_file}, below {spec.folder}/.",
        "For each task make a folder `task-ID` with three files.",
        "task.md: its description and details.",
        "prompt.md: what an agent that implements it should be told.",
        "acceptance-criteria.md: what must hold, as a list that can be checked.",
        "Change nothing else.",
    ]
    lines += [f"Task {task.identity}: {task.title}\n{task.text}" for task in tasks]
    return "\n\n".join(lines)


def _spec(request: AdmissionRequest) -> Spec:
    model: type[CodeRunSpec] | type[DocsRunSpec] = CodeRunSpec if request.kind == "CodeRun" else DocsRunSpec
    try:
        return model.model_validate(request.spec)
    except ValueError as error:
        raise Rejected(Reason.INVALID_RUN, f"the specification is wrong: {error}") from None


def _budget(spec: Budget | None, persona: Persona) -> Budget:
    """The run's own, then the persona's, then the default."""
    mine, theirs, usual = spec or Budget(), persona.budget, DEFAULT.task
    dollars = mine.dollars or theirs.dollars or (f"{usual.money / 1_000_000:.2f}" if usual.money else None)
    return Budget(
        tokens=mine.tokens or theirs.tokens or usual.tokens,
        dollars=dollars,
        steps=mine.steps or theirs.steps or usual.steps,
        seconds=mine.seconds or theirs.seconds or int(usual.seconds or 7200),
    )
