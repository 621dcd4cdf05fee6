"""Workflows' runs and their jobs: begun by whoever sets the scene, read and run again as at GitHub.

A job is a check run of GitHub's own runner, by the same id. Run again, it is a new job with a new id.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from localhub import git, render_checks, render_workflows
from localhub.apps import app_of
from localhub.checks import CONCLUSIONS, new_run
from localhub.context import REPO, Context, Record, now, paged
from localhub.problems import Problem, invalid, missing

RUNNER = "github-actions"
FAILED = ("failure", "cancelled", "timed_out")


class Workflows:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        run, job = f"{REPO}/actions/runs/{{run:int}}", f"{REPO}/actions/jobs/{{job:int}}"
        return [
            Route(f"{REPO}/actions/runs", self.runs),
            Route(run, self.run),
            Route(f"{run}/jobs", self.jobs),
            Route(f"{run}/rerun-failed-jobs", self.run_failed_again, methods=["POST"]),
            Route(job, self.job),
            Route(f"{job}/logs", self.log),
            Route(f"{job}/rerun", self.run_again, methods=["POST"]),
            Route("/_logs/{owner}/{name}/{job:int}/{key}", self.file),
        ]

    def begin(self, found: Record, branch: str, name: str, jobs: list[Record]) -> Record:
        """A run of a workflow that has ended, as it is told."""
        head = git.branches(self._context.folder(found)).get(branch)
        if head is None or any(each.get("conclusion") not in CONCLUSIONS for each in jobs):
            raise invalid("WorkflowRun", "branch" if head is None else "jobs")
        made: Record = {
            "id": self._state.number(), "name": name, "branch": branch, "head_sha": head, "attempt": 1, "jobs": [],
            "number": len(found.get("workflow_runs", [])) + 1, "created_at": now(),
            "login": found["full_name"].partition("/")[0],
        }  # fmt: skip
        found.setdefault("workflow_runs", []).append(made)
        for told in jobs:
            self._end(found, made, {"again": [], "log": "", **told}, told["conclusion"])
        self._tell(found, made)
        return made

    def _end(self, found: Record, run: Record, told: Record, conclusion: str) -> None:
        """A job that has ended, with the check run that it is."""
        check = new_run(self._state, app_of(self._state, RUNNER)["id"], told["name"], run["head_sha"])
        check.update(status="completed", conclusion=conclusion, completed_at=now())
        found["check_runs"].append(check)
        run["jobs"].append(
            {"id": check["id"], "name": told["name"], "log": told["log"], "again": told["again"], "latest": True,
             "key": f"k{self._state.number()}", "attempt": run["attempt"]}
        )  # fmt: skip
        shown = render_checks.hooked(self._state, found, check)
        self._context.happened("check_run", "completed", found, run["login"], check_run=shown)

    def _tell(self, found: Record, run: Record) -> None:
        shown = render_workflows.run(self._state, found, run)
        workflow = render_workflows.workflow(self._state, found, run)
        self._context.happened("workflow_run", "completed", found, run["login"], workflow_run=shown, workflow=workflow)

    def _find(self, found: Record, request: Request) -> Record:
        for one in found.get("workflow_runs", []):
            if one["id"] == request.path_params["run"]:
                known: Record = one
                return known
        raise missing()

    def _find_job(self, found: Record, request: Request) -> tuple[Record, Record]:
        for run in found.get("workflow_runs", []):
            for job in run["jobs"]:
                if job["id"] == request.path_params["job"]:
                    return run, job
        raise missing()

    async def runs(self, request: Request) -> Response:
        """Runs of workflows, the latest first."""
        found, query = self._context.allowed(request, "actions", "read"), request.query_params
        asked = {"head_sha": "head_sha", "branch": "branch"}
        wanted = [
            one for one in reversed(found.get("workflow_runs", []))
            if all(query.get(name, one[field]) == one[field] for name, field in asked.items())
        ]  # fmt: skip
        shown = [render_workflows.run(self._state, found, one) for one in wanted]
        return JSONResponse({"total_count": len(shown), "workflow_runs": paged(request, self._state, shown)})

    async def run(self, request: Request) -> Response:
        """One of them."""
        found = self._context.allowed(request, "actions", "read")
        return JSONResponse(render_workflows.run(self._state, found, self._find(found, request)))

    async def jobs(self, request: Request) -> Response:
        """The jobs of one, of its latest attempt; of all attempts where that is asked for."""
        found = self._context.allowed(request, "actions", "read")
        run, every = self._find(found, request), request.query_params.get("filter") == "all"
        wanted = [job for job in run["jobs"] if every or job["latest"]]
        shown = [render_workflows.job(self._state, found, run, job) for job in wanted]
        return JSONResponse({"total_count": len(shown), "jobs": paged(request, self._state, shown)})

    async def job(self, request: Request) -> Response:
        """One job."""
        found = self._context.allowed(request, "actions", "read")
        return JSONResponse(render_workflows.job(self._state, found, *self._find_job(found, request)))

    async def log(self, request: Request) -> Response:
        """Where a job's log lies: an address that is good without a token, for a while."""
        found = self._context.allowed(request, "actions", "read")
        _, job = self._find_job(found, request)
        address = f"{self._state.url}/_logs/{found['full_name']}/{job['id']}/{job['key']}"
        return RedirectResponse(address, 302)

    async def file(self, request: Request) -> Response:
        """A job's log. Whoever brings a token shows it to somebody whom it does not concern."""
        found = self._state.find_repository(request.path_params["owner"], request.path_params["name"])
        _, job = self._find_job(found or {}, request)
        if job["key"] != request.path_params["key"]:
            raise missing()
        if "authorization" in request.headers:
            raise Problem(400, "Only one auth mechanism allowed")
        return PlainTextResponse(job["log"])

    async def run_again(self, request: Request) -> Response:
        """Run a job once more."""
        found = self._context.allowed(request, "actions", "write")
        run, job = self._find_job(found, request)
        self._again(found, run, [job])
        return JSONResponse({}, 201)

    async def run_failed_again(self, request: Request) -> Response:
        """Run all jobs once more that failed."""
        found = self._context.allowed(request, "actions", "write")
        run = self._find(found, request)
        ended = {each["id"]: each["conclusion"] for each in found["check_runs"]}
        failed = [job for job in run["jobs"] if job["latest"] and ended[job["id"]] in FAILED]
        if not failed:
            raise Problem(403, "This workflow run has no failed jobs.")
        self._again(found, run, failed)
        return JSONResponse({}, 201)

    def _again(self, found: Record, run: Record, jobs: list[Record]) -> None:
        if not all(job["latest"] for job in jobs):
            raise Problem(403, "Unable to re-run this job because it is not of the latest attempt.")
        run["attempt"] += 1
        ended = {each["id"]: each["conclusion"] for each in found["check_runs"]}
        for job in jobs:
            job["latest"] = False
            conclusion = job["again"][0] if job["again"] else ended[job["id"]]
            self._end(found, run, {**job, "again": job["again"][1:]}, conclusion)
        self._tell(found, run)
