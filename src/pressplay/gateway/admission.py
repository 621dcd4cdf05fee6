"""Whether a run may begin, and what is settled then: the first thing that stands in its way ends it, with a remedy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from pressplay.gateway.answers import Rejected
from pressplay.gateway.discussions import Discussions
from pressplay.gateway.earlier import Earlier, earlier_of
from pressplay.gateway.heads import stale
from pressplay.gateway.mirrors import Mirrors
from pressplay.gateway.plan import Plan
from pressplay.gateway.refusals import FAILURES, rejected
from pressplay.gateway.signer.client import Signer
from pressplay.gateway.triage import TRIAGE_PERSONA, evidence_for
from pressplay.github.client import GitHub
from pressplay.github.errors import NotFound
from pressplay.ledger.store import Ledger
from pressplay.ledger.taints import Successor, Taint
from pressplay.llm.catalogue import Catalogue, UnknownModel
from pressplay.llm.messages import Wire
from pressplay.llm.presets import DEFAULT
from pressplay.personas.agreement import lacking
from pressplay.personas.loader import Personas, UnknownPersona
from pressplay.personas.permissions import Access
from pressplay.personas.schema import Persona
from pressplay.planner.backlog import BacklogError, Task, parse
from pressplay.policy import project as project_settings
from pressplay.policy.cluster import ClusterPolicy, allowed_models, capped, no_model, refusal
from pressplay.policy.judges import only_judges
from pressplay.policy.project import ProjectSettings
from pressplay.policy.snapshots import Start
from pressplay.protocol.control import Admission, AdmissionRequest
from pressplay.protocol.signer import Models, Token
from pressplay.protocol.threads import as_text
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
        now: seconds since 1970.
    """

    ledger: Ledger
    signer: Signer
    mirrors: Mirrors
    http: httpx.AsyncClient
    api: str
    personas: Personas
    policy: ClusterPolicy
    catalogue: Catalogue
    discussions: Discussions
    now: Callable[[], float] = time.time

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
        access = self._permitted(request, spec, persona)
        models = await self.signer.models()
        named = self._models(spec, persona, models)
        chosen = allowed_models(self.policy, request.namespace, named)
        if not chosen:
            refused = no_model(named)
            raise Rejected(refused.reason, refused.message)
        budget = capped(self.policy, request.namespace, _budget(spec.budget, persona))
        earlier = await self._earlier(request, spec)
        continued = earlier.unfinished if earlier else None
        since = self.now() if request.created is None else request.created
        try:
            async with self.signer.token(persona.app, spec.repository, access, "admission") as token:
                found = await self._look(request, spec, persona, token, chosen[0], budget, earlier, since)
        except FAILURES as error:
            raise rejected(error) from None
        admission, task, project = found.admission, found.task, found.project
        plan = Plan(
            persona=persona.name, wire=models.wire, models=chosen, task=task,
            depth=(spec.workspace.depth if spec.workspace else None) or DEFAULT_DEPTH,
            tokens=budget.tokens, micro_dollars=budget.micro_dollars, steps=budget.steps, seconds=admission.seconds,
            since=since, flow=request.flow,
            continued=continued.uid if continued else None,
            issue=spec.issue if isinstance(spec, CodeRunSpec) else None,
            pull_request=spec.pull_request if isinstance(spec, CodeRunSpec) else None, mcp=project.servers(),
            fixers=project.fixers() if persona.fixers else (),
            judges=only_judges(spec, persona.name, _judged_before(earlier)),
        )  # fmt: skip
        told = plan.model_dump_json()
        row = await asyncio.to_thread(self.ledger.admit, request, admission, told, plan.subject, found.taint)
        return row.admission

    def _permitted(self, request: AdmissionRequest, spec: Spec, persona: Persona) -> dict[str, Access]:
        """What the run's task needs at GitHub, where policy and persona allow it."""
        refused = refusal(self.policy, request.namespace, spec, persona.name)
        if refused is not None:
            raise Rejected(refused.reason, refused.message)
        if (spec.engine or "native") not in ENGINES:
            raise Rejected(
                Reason.UNKNOWN_ENGINE, f"there is no engine `{spec.engine}`; use one of: {', '.join(ENGINES)}"
            )
        access = needed(spec)
        if missing := lacking(persona, access):
            told = f"the persona `{persona.name}` lacks {', '.join(missing)}, which the task of this run needs"
            raise Rejected(Reason.PERSONA_NOT_PERMITTED, f"{told}; choose another, or give them in its persona.yaml")
        return access

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
                raise Rejected(Reason.UNKNOWN_MODEL, _unknown_model(error, spec, persona, models.wire)) from None
            if found.wire is not Wire(models.wire):
                raise Rejected(
                    Reason.UNKNOWN_MODEL,
                    f"`{name}` is a model of {found.wire}; this cluster has a key of {models.wire}",
                )
        return tuple(self.catalogue.find(name).name for name in chosen)

    async def _earlier(self, request: AdmissionRequest, spec: Spec) -> Earlier | None:
        """The run that this one goes on with."""
        name = spec.continue_from if isinstance(spec, CodeRunSpec) else None
        if name is None:
            return None
        found = await asyncio.to_thread(earlier_of, self.ledger, request.namespace, name, spec.repository)
        if found is None:
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
        budget: Budget,
        earlier: Earlier | None,
        since: float,
    ) -> _Found:
        github = GitHub(self.http, self.api, token.token)
        repository = await github.repository(spec.repository)
        default = str(repository["default_branch"])
        continued = earlier.unfinished if earlier else None
        base, branch = await self._branches(request, spec, github, default, earlier)
        remote = self.mirrors.remote(spec.repository, token.token.get_secret_value())
        name, commit = await self._start(remote, base, branch)
        notice = ""
        if continued is not None:
            commit = continued.admission.base_sha
        elif isinstance(spec, CodeRunSpec) and spec.head:
            notice = await stale(github, spec.repository, spec.head, name, commit)
        identity = int(repository["id"])
        depth = (spec.workspace.depth if spec.workspace else None) or DEFAULT_DEPTH
        if continued is None:
            await self.mirrors.bring(remote, identity, name, commit, depth)
        start = await self.discussions.start(request.flow, identity, since)
        task, taint = await self._task(spec, github, identity, commit, start)
        task = f"{task}\n\n{earlier.words}" if earlier and earlier.words else task
        before = earlier.row.uid if earlier else None
        to = Successor(identity, (start.subject,), (base, branch), request.flow, before)
        taint = taint or await asyncio.to_thread(self.discussions.taints.passed_on, to)
        if persona.name == TRIAGE_PERSONA:
            found = await asyncio.to_thread(evidence_for, self.ledger, identity, commit)
            task = f"{task}\n\n{found}" if found else task
        project = await self._project(remote, identity, default, depth)
        admission = Admission(
            uid=request.uid, repository_id=identity, repository=spec.repository, base=base, base_sha=commit,
            branch=branch, persona=persona.name, model=model, seconds=budget.seconds or 7200,
            image=spec.workbench.image if spec.workbench else None,
            directory=spec.directory if isinstance(spec, CodeRunSpec) else "",
            fixers=persona.fixers and bool(project.fixers()), notice=notice,
            tainted=taint.told() if taint else None,
        )  # fmt: skip
        return _Found(admission, task, project, taint)

    async def _project(self, remote: smart_http.Remote, identity: int, default: str, depth: int) -> ProjectSettings:
        """The project's settings; those of the default branch, whatever branch is under work."""
        commit = await self.mirrors.branch(remote, default)
        if commit is None:
            return ProjectSettings()
        await self.mirrors.bring(remote, identity, default, commit, depth)
        found = await self.mirrors.quarantine.files(identity, commit, [project_settings.FILE])
        try:
            return project_settings.parse(found.get(project_settings.FILE))
        except project_settings.ProjectError as error:
            told = f"{error}; mend it on the branch {default}"
            raise Rejected(Reason.PROJECT_SETTINGS_WRONG, told) from None

    async def _branches(
        self, request: AdmissionRequest, spec: Spec, github: GitHub, default: str, earlier: Earlier | None
    ) -> tuple[str, str]:
        """The branch that the pull request is for, and the one that holds the work."""
        number = spec.pull_request if isinstance(spec, CodeRunSpec) else None
        if number is not None:
            try:
                pull = await github.pull(spec.repository, number)
            except NotFound:
                raise Rejected(Reason.TASK_NOT_FOUND, f"{spec.repository} has no pull request {number}") from None
            if (pull["head"].get("repo") or {}).get("full_name", "").lower() != spec.repository.lower():
                raise Rejected(Reason.TASK_NOT_FOUND, f"pull request {number} is from a fork, which no App may push to")
            base, branch = str(pull["base"]["ref"]), str(pull["head"]["ref"])
            if branch in (base, default):
                told = f"pull request {number} is from {branch}, the repository's default branch, which no run changes"
                raise Rejected(Reason.INVALID_RUN, f"{told}; open it from a branch of its own")
            return base, branch
        held = spec.branch or (earlier.branch if earlier else None)
        branch = held or f"pressplay/{request.name[:60]}-{request.uid.replace('-', '')[:6]}"
        base = spec.base or default
        if branch in (base, default):
            raise Rejected(
                Reason.INVALID_RUN, f"spec.branch is {branch}, which the pull request would be for; choose another name"
            )
        if not _may_be_a_branch(branch):
            told = f"spec.branch is {branch}, and git takes no branch of that name; choose another"
            raise Rejected(Reason.INVALID_RUN, told)
        return base, branch

    async def _start(self, remote: smart_http.Remote, base: str, branch: str) -> tuple[str, str]:
        """Where the work begins: at the run's branch where that is there already, else at the base."""
        for name in (branch, base):
            commit = await self.mirrors.branch(remote, name)
            if commit is not None:
                return name, commit
        raise Rejected(Reason.BASE_NOT_FOUND, f"there is no branch {base}; set spec.base to one that is there")

    async def _task(
        self, spec: Spec, github: GitHub, identity: int, commit: str, start: Start
    ) -> tuple[str, Taint | None]:
        """What the run is told, and why it is tainted by that."""
        if isinstance(spec, DocsRunSpec):
            return await self._documents(spec, identity, commit), None
        taint = None
        parts = [spec.task] if spec.task is not None else []
        if spec.issue or spec.pull_request:
            number = spec.issue or spec.pull_request or 0
            try:
                code = spec.pull_request is not None
                found = await self.discussions.read(github, spec.repository, identity, number, start, code=code)
            except NotFound:
                raise Rejected(
                    Reason.TASK_NOT_FOUND, f"{spec.repository} has no issue or pull request {number}"
                ) from None
            parts.append(as_text(found.thread, "Pull request" if code else "Issue"))
            taint = found.taint
        criteria = "".join(f"\n- {each}" for each in spec.acceptance_criteria or [])
        return "\n\n".join([*parts, f"Done when:{criteria}"] if criteria else parts), taint

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


@dataclass(frozen=True)
class _Found:
    """What was settled of a run."""

    admission: Admission
    task: str
    project: ProjectSettings
    taint: Taint | None


def _may_be_a_branch(name: str) -> bool:
    """Whether git takes a branch of this name; the work is done long before anybody else would notice."""
    parts = name.split("/")
    return (
        name != "HEAD"
        and ".." not in name
        and all(part and not part.startswith(".") and not part.endswith((".", ".lock")) for part in parts)
    )


def needed(spec: Spec) -> dict[str, Access]:
    """What the token of an admission may: read the repository, and what the task is read from."""
    sources: dict[str, Access] = {}
    if isinstance(spec, CodeRunSpec) and spec.issue:
        sources["issues"] = "read"
    if isinstance(spec, CodeRunSpec) and spec.pull_request:
        sources["pull_requests"] = "read"
    return {"contents": "read", **sources}


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


def _judged_before(earlier: Earlier | None) -> tuple[str, bool] | None:
    """Who worked the run that this one goes on with, and whether that one only judged."""
    if earlier is None:
        return None
    plan = Plan.model_validate_json(earlier.row.plan)
    return plan.persona, plan.judges


def _unknown_model(error: UnknownModel, spec: Spec, persona: Persona, wire: str) -> str:
    if spec.model:
        said = "`model`"
    else:
        said = f"the persona `{persona.name}`" if wire in persona.models else "the gateway's LLM_MODEL"
    near = ", ".join(error.near)
    return f"{said} names `{error.name}`, which is not in the list of models and prices; the nearest in it: {near}"


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
