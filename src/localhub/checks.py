"""Check runs, which Apps make, and statuses of commits, which anybody with the permission does."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import git, render_checks, render_code
from localhub.context import REPO, Context, Record, body_of, listed, now, paged, text_in, token_of
from localhub.problems import Problem, invalid, missing
from localhub.state import State

STATUSES = ("queued", "in_progress", "completed")
# `stale` is GitHub's own word, which no App may say.
CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out")
MOST_ANNOTATIONS = 50
STATES = ("error", "failure", "pending", "success")


class Checks:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        one = f"{REPO}/check-runs/{{identity:int}}"
        return [
            Route(f"{REPO}/check-runs", self.make, methods=["POST"]),
            Route(one, self.run),
            Route(one, self.change, methods=["PATCH"]),
            Route(f"{one}/annotations", self.annotations),
            Route(f"{one}/rerequest", self.rerequest, methods=["POST"]),
            Route(f"{REPO}/commits/{{ref:path}}/check-runs", self.runs),
            Route(f"{REPO}/commits/{{ref:path}}/status", self.combined),
            Route(f"{REPO}/commits/{{ref:path}}/statuses", self.statuses),
            Route(f"{REPO}/commits/{{ref:path}}", self.commit),
            Route(f"{REPO}/statuses/{{sha}}", self.tell_status, methods=["POST"]),
        ]

    def _commit(self, found: Record, ref: str, *, whole: bool = False) -> str:
        """The commit that is meant; where something is told of it, only by its whole id."""
        sha = git.resolve(self._context.folder(found), ref)
        if sha is None or (whole and sha != ref):
            raise Problem(422, f"No commit found for SHA: {ref}")
        return sha

    async def make(self, request: Request) -> Response:
        """An App tells of a check on a commit."""
        found = self._context.allowed(request, "checks", "write")
        bearer = self._state.bearer(token_of(request)) or {}
        if bearer.get("kind") != "installation":
            raise Problem(403, "You must authenticate via a GitHub App.")
        told = await body_of(request)
        head = self._commit(found, text_in(told, "head_sha", "CheckRun"), whole=True)
        made = new_run(self._state, bearer["app"], text_in(told, "name", "CheckRun"), head)
        _change(made, told, new=True)
        found["check_runs"].append(made)
        return self._told(request, found, made, "created", 201)

    async def change(self, request: Request) -> Response:
        """The App that made it tells more of it."""
        found = self._context.allowed(request, "checks", "write")
        run = self._find(found, request)
        if (self._state.bearer(token_of(request)) or {}).get("app") != run["app"]:
            raise Problem(403, "Resource not accessible by integration")
        was = run["status"]
        _change(run, await body_of(request), new=False)
        # One that was done and begins anew is a new one to whoever listens.
        again = was == "completed" and run["status"] != "completed"
        return self._told(request, found, run, "created" if again else "", 200)

    def _told(self, request: Request, found: Record, run: Record, action: str, status: int) -> Response:
        action = "completed" if run["status"] == "completed" else action
        login = self._context.actor(request)
        if action:
            hooked = render_checks.hooked(self._state, found, run)
            self._context.happened("check_run", action, found, login, check_run=hooked)
        self._state.save()
        return JSONResponse(render_checks.run(self._state, found, run), status)

    def _find(self, found: Record, request: Request) -> Record:
        identity = request.path_params["identity"]
        for run in found["check_runs"]:
            if run["id"] == identity:
                known: Record = run
                return known
        raise missing()

    async def run(self, request: Request) -> Response:
        """One of them."""
        found = self._context.allowed(request, "checks", "read")
        return JSONResponse(render_checks.run(self._state, found, self._find(found, request)))

    async def annotations(self, request: Request) -> Response:
        """What one says of single lines."""
        found = self._context.allowed(request, "checks", "read")
        run = self._find(found, request)
        every = run.get("annotations", [])
        return listed(request, self._state, [render_checks.annotation(self._state, found, run, one) for one in every])

    async def rerequest(self, request: Request) -> Response:
        """Ask the App that made it to check again."""
        found = self._context.allowed(request, "checks", "write")
        hooked = render_checks.hooked(self._state, found, self._find(found, request))
        self._context.happened("check_run", "rerequested", found, self._context.actor(request), check_run=hooked)
        return JSONResponse({}, 201)

    async def runs(self, request: Request) -> Response:
        """The latest check runs of a commit, one of each name and App; all of them where that is asked for."""
        found, query = self._context.allowed(request, "checks", "read"), request.query_params
        sha = self._commit(found, request.path_params["ref"])
        every = [run for run in found["check_runs"] if run["head_sha"] == sha]
        if query.get("filter") != "all":
            every = list({(run["name"], run["app"]): run for run in every}.values())
        asked = {"check_name": "name", "status": "status", "app_id": "app"}
        told = {field: query[name] for name, field in asked.items() if name in query}
        wanted = [run for run in every if all(str(run[field]) == value for field, value in told.items())]
        shown = [render_checks.run(self._state, found, run) for run in wanted]
        return JSONResponse({"total_count": len(shown), "check_runs": paged(request, self._state, shown)})

    async def tell_status(self, request: Request) -> Response:
        """Somebody tells the status of a commit."""
        found = self._context.allowed(request, "statuses", "write")
        told, login = await body_of(request), self._context.actor(request)
        if told.get("state") not in STATES:
            raise invalid("Status", "state")
        made = {
            "id": self._state.number(), "sha": self._commit(found, request.path_params["sha"], whole=True),
            "state": told["state"], "context": told.get("context") or "default",
            "description": told.get("description"), "target_url": told.get("target_url"), "created_at": now(),
            "login": login,
        }  # fmt: skip
        found["statuses"].append(made)
        commit = git.commit(self._context.folder(found), made["sha"])
        hooked = render_checks.hooked_status(self._state, found, made, commit)
        self._context.happened("status", None, found, login, **hooked)
        return JSONResponse(render_checks.status(self._state, found, made), 201)

    async def combined(self, request: Request) -> Response:
        """All statuses of a commit as one: the latest of each context counts."""
        found = self._context.allowed(request, "statuses", "read")
        sha = self._commit(found, request.path_params["ref"])
        return JSONResponse(render_checks.combined(self._state, found, sha))

    async def statuses(self, request: Request) -> Response:
        """Every status of a commit, the latest first."""
        found = self._context.allowed(request, "statuses", "read")
        sha = self._commit(found, request.path_params["ref"])
        mine = [each for each in reversed(found["statuses"]) if each["sha"] == sha]
        return listed(request, self._state, [render_checks.status(self._state, found, each) for each in mine])

    async def commit(self, request: Request) -> Response:
        """A commit."""
        found = self._context.allowed(request, "contents", "read")
        sha = self._commit(found, request.path_params["ref"])
        return JSONResponse(render_code.commit(self._state, found, git.commit(self._context.folder(found), sha)))


def new_run(state: State, app: int, name: str, head: str) -> Record:
    """A check run that nothing was told of yet."""
    return {
        "id": state.number(), "app": app, "name": name, "head_sha": head, "status": "queued", "conclusion": None,
        "started_at": now(), "completed_at": None, "external_id": "", "details_url": None, "output": {},
        "annotations": [],
    }  # fmt: skip


def _change(run: Record, told: Record, *, new: bool) -> None:
    if told.get("status", "queued") not in STATUSES:
        raise invalid("CheckRun", "status")
    if told.get("conclusion") not in (None, *CONCLUSIONS):
        raise invalid("CheckRun", "conclusion")
    if told.get("status") == "completed" and not told.get("conclusion"):
        raise invalid("CheckRun", "conclusion", "missing_field")
    output = _output(told.get("output") or {}, new=new)
    fields = ("name", "status", "conclusion", "external_id", "details_url", "started_at", "completed_at")
    run.update({name: told[name] for name in fields if name in told})
    run["output"] = {**run["output"], **{name: output[name] for name in ("title", "summary", "text") if name in output}}
    # Annotations are added to those that are there, in as many requests as it takes.
    run.setdefault("annotations", []).extend(output.get("annotations") or [])
    if told.get("conclusion") or told.get("status") == "completed":
        run.update(status="completed", completed_at=told.get("completed_at") or now())
    elif "status" in told:
        run.update(conclusion=None, completed_at=None)


def _output(output: Record, *, new: bool) -> Record:
    """What a check has to say, if it is said as GitHub demands."""
    for field in ("title", "summary") if new else ("summary",):
        if output and not isinstance(output.get(field), str):
            raise invalid("CheckRun", f"output.{field}", "missing_field")
    annotations = output.get("annotations") or []
    if len(annotations) > MOST_ANNOTATIONS:
        raise invalid("CheckRun", "output.annotations", "custom", f"no more than {MOST_ANNOTATIONS} at once")
    for one in annotations:
        lacking = next((name for name in ("path", "start_line", "end_line", "annotation_level", "message")
                        if one.get(name) is None), None)  # fmt: skip
        if lacking or one["annotation_level"] not in ("notice", "warning", "failure"):
            raise invalid("CheckRun", f"output.annotations.{lacking or 'annotation_level'}")
    return output
