"""Flows as Argo would walk them, and the courses that they are to take.

The walker knows what our templates use: DAGs with `depends` and `when`, templates of other WorkflowTemplates,
recursion, suspended nodes. `tests/e2e/test_flows.py` takes the same courses on a real Argo: errors are seen there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

TAG = re.compile(r"\{\{(=?)(.*?)\}\}", re.DOTALL)
# Who says what a commit is worth, as things go well.
JUDGES = ("qa", "security", "acceptance")
# Where the exit handler stands.
REPORT = "onExit"
ENDED_WELL, ENDED_BADLY, NOT_RUN = ("Succeeded",), ("Failed", "Error"), ("Skipped", "Omitted")


def sha(of: str) -> str:
    """A commit's id that tells apart what different nodes left."""
    return "".join(f"{ord(letter):02x}" for letter in of).ljust(40, "0")[-40:]


def run_of(path: str) -> str:
    """The name of a node's run."""
    return path.replace("/", "-")[-60:].strip("-")


@dataclass(frozen=True)
class Answer:
    """What a suspended node is completed with; what is not said is as things go well."""

    phase: str = "Succeeded"
    outputs: Mapping[str, str] = field(default_factory=dict)


def says(**outputs: str) -> Answer:
    return Answer(outputs={name.replace("_", "-"): value for name, value in outputs.items()})


def fails(result: str = "failed") -> Answer:
    return Answer("Failed", {"result": result, "head": "", "pull-request": "", "branch": ""})


@dataclass(frozen=True)
class Course:
    """A way that a flow takes.

    Attributes:
        answers: of nodes, by their paths.
        nodes: paths of the suspended nodes in the order in which they begin.
        begins: inputs of nodes that are looked at, by path and name.
    """

    name: str
    flow: str
    parameters: Mapping[str, str]
    nodes: tuple[str, ...]
    phase: str = "Succeeded"
    answers: Mapping[str, Answer] = field(default_factory=dict)
    entrypoint: str = ""
    begins: Mapping[tuple[str, str], str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)


def answer_of(course: Course, path: str, inputs: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Phase and all outputs of a node, as the operator would complete it."""
    usual: dict[str, dict[str, str]] = {
        "run": {
            "result": "succeeded", "verdict": "pass" if inputs.get("github-app") in JUDGES else "",
            "run": run_of(path), "head": sha(path),
            "pull-request": inputs.get("pull-request") or "7", "branch": "pressplay/run-1",
        },
        "wait-for-checks": {"verdict": "passed", "head": inputs.get("head", "")},
        "wait-for-review": {"verdict": "approved", "head": inputs.get("head", "")},
        "approve": {"verdict": "approved", "actor": "ada"},
        "triage": {"verdict": "ours", "check": "11", "job": "12"},
        "merge": {"verdict": "merged", "head": inputs.get("head", "")},
        "report": {"verdict": "told"},
    }  # fmt: skip
    told = course.answers.get(path, Answer())
    outputs = {**usual[inputs["operation"]], **told.outputs}
    if told.outputs.get("result") == "nothing-to-do":
        outputs["head"] = told.outputs.get("head", inputs.get("head", ""))
    return told.phase, outputs


class Unresolved(AssertionError):
    """A template refers to what is not there; on Argo it would stand still or fail."""


@dataclass
class Walk:
    """What happened.

    Attributes:
        began: suspended nodes in their order, with their inputs.
        phases: of all tasks, by path.
    """

    began: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    phases: dict[str, str] = field(default_factory=dict)
    phase: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


def walk(manifests: Mapping[str, Mapping[str, Any]], course: Course) -> Walk:
    """Take a course."""
    spec = manifests[course.flow]["spec"]
    given = {each["name"]: each.get("value") for each in spec.get("arguments", {}).get("parameters", [])}
    unknown = course.parameters.keys() - given.keys()
    assert not unknown, f"{course.flow} takes no {unknown}"
    given |= course.parameters
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise Unresolved(f"no value for {missing}")
    done = Walk()
    walker = _Walker(manifests, course, {name: str(value) for name, value in given.items()}, done)
    entry = course.entrypoint or spec["entrypoint"]
    done.phase, done.outputs = walker.template(course.flow, entry, walker.workflow, "")
    hook = spec.get("hooks", {}).get("exit")
    if hook is None:
        return done
    scope = _Scope(walker.workflow, {}, {}, done.phase)
    arguments = {each["name"]: scope.resolve(each["value"]) for each in hook["arguments"]["parameters"]}
    walker.template(hook["templateRef"]["name"], hook["templateRef"]["template"], arguments, REPORT)
    return done


@dataclass
class _Walker:
    manifests: Mapping[str, Mapping[str, Any]]
    course: Course
    workflow: dict[str, str]
    done: Walk

    def template(self, where: str, name: str, arguments: Mapping[str, str], path: str) -> tuple[str, dict[str, str]]:
        [template] = [each for each in self.manifests[where]["spec"]["templates"] if each["name"] == name]
        inputs = dict(self._inputs(template, arguments, path))
        if "suspend" in template:
            self.done.began.append((path, inputs))
            phase, outputs = answer_of(self.course, path, inputs)
            declared = {each["name"] for each in template["outputs"]["parameters"]}
            assert outputs.keys() == declared, f"{path} supplies {sorted(outputs)} and not {sorted(declared)}"
            return phase, outputs
        return self._dag(where, template, inputs, path)

    def _inputs(
        self, template: Mapping[str, Any], arguments: Mapping[str, str], path: str
    ) -> Iterator[tuple[str, str]]:
        for each in template.get("inputs", {}).get("parameters", []):
            value = arguments.get(each["name"], each.get("value", each.get("default")))
            if value is None:
                raise Unresolved(f"{path or 'the entrypoint'}: no value for input {each['name']}")
            yield each["name"], str(value)

    def _dag(
        self, where: str, template: Mapping[str, Any], inputs: dict[str, str], path: str
    ) -> tuple[str, dict[str, str]]:
        tasks = {task["name"]: task for task in template["dag"]["tasks"]}
        phases: dict[str, str] = {}
        outputs: dict[str, dict[str, str]] = {}
        while len(phases) < len(tasks):
            name = next(
                name for name, task in tasks.items()
                if name not in phases and all(needed in phases for needed in needs(task, tasks))
            )  # fmt: skip
            below = f"{path}/{name}".lstrip("/")
            phases[name], outputs[name] = self._task(
                where, tasks[name], phases, _Scope(self.workflow, inputs, outputs), below
            )
            self.done.phases[below] = phases[name]
        phase = phase_of(tasks, phases)
        given: dict[str, str] = {}
        if phase == "Succeeded":
            scope = _Scope(self.workflow, inputs, outputs)
            for each in template.get("outputs", {}).get("parameters", []):
                given[each["name"]] = scope.resolve(each["valueFrom"]["parameter"])
        return phase, given

    def _task(
        self, where: str, task: Mapping[str, Any], phases: Mapping[str, str], scope: _Scope, path: str
    ) -> tuple[str, dict[str, str]]:
        if "depends" in task and not depends(task["depends"], phases):
            return "Omitted", {}
        if "when" in task and scope.resolve(task["when"]) != "true":
            return "Skipped", {}
        arguments = {each["name"]: scope.resolve(each["value"]) for each in task["arguments"]["parameters"]}
        other = task.get("templateRef")
        place, name = (other["name"], other["template"]) if other else (where, task["template"])
        [template] = [each for each in self.manifests[place]["spec"]["templates"] if each["name"] == name]
        declared = {each["name"] for each in template["inputs"]["parameters"]}
        assert arguments.keys() <= declared, f"{path}: {name} takes no {arguments.keys() - declared}"
        return self.template(place, name, arguments, path)


def needs(task: Mapping[str, Any], tasks: Mapping[str, Any]) -> set[str]:
    """The tasks that a task depends on."""
    found = {word.split(".")[0] for word in re.findall(r"[A-Za-z0-9.-]+", task.get("depends", ""))}
    assert found <= tasks.keys(), f"{task['name']} depends on {found - tasks.keys()}, which are not there"
    return found


def depends(logic: str, phases: Mapping[str, str]) -> bool:
    """Argo's `depends` (https://argo-workflows.readthedocs.io/en/latest/enhanced-depends-logic/)."""

    def holds(match: re.Match[str]) -> str:
        name, _, wanted = match[0].partition(".")
        usual = wanted or "Succeeded"
        return str(phases[name] == {"Errored": "Error"}.get(usual, usual))

    python = re.sub(r"[A-Za-z][A-Za-z0-9.-]*", holds, logic).replace("&&", " and ").replace("||", " or ")
    return bool(eval(python.replace("!", " not "), {}))  # noqa: S307 (our own templates)


def phase_of(tasks: Mapping[str, Any], phases: Mapping[str, str]) -> str:
    """How a DAG ended: a task that did not run stands for those before it, the failed ones first."""
    before = {name: needs(task, tasks) for name, task in tasks.items()}

    def branch(name: str) -> str:
        if phases[name] not in NOT_RUN:
            return phases[name]
        found = [branch(each) for each in before[name]]
        return next((phase for phase in found if phase in ENDED_BADLY), "Succeeded")

    leaves = [name for name in tasks if not any(name in needed for needed in before.values())]
    return next((phase for phase in map(branch, leaves) if phase in ENDED_BADLY), "Succeeded")


@dataclass(frozen=True)
class _Scope:
    workflow: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, Mapping[str, str]]
    ended: str = ""

    def resolve(self, text: str) -> str:
        """A text with Argo's tags, resolved."""
        return TAG.sub(lambda tag: self._expression(tag[2]) if tag[1] else self._variable(tag[2].strip()), text)

    def _variable(self, name: str) -> str:
        match name.split("."):
            case ["workflow", "status"] if self.ended:
                return self.ended
            case ["workflow", "parameters", parameter]:
                return self._of(self.workflow, parameter, name)
            case ["inputs", "parameters", parameter]:
                return self._of(self.inputs, parameter, name)
            case ["tasks", task, "outputs", "parameters", parameter]:
                return self._of(self.outputs.get(task, {}), parameter, name)
        raise Unresolved(name)

    def _of(self, values: Mapping[str, str], parameter: str, name: str) -> str:
        if parameter not in values:
            raise Unresolved(f"{name} is not there")
        return values[parameter]

    def _expression(self, text: str) -> str:
        """The few words of expr-lang that our templates use."""
        names: dict[str, Callable[[str], int]] = {"asInt": int}

        def literal(match: re.Match[str]) -> str:
            task, inputs = match["task"], match["input"]
            name = f"inputs.parameters.{inputs}" if inputs else f"tasks.{task}.outputs.parameters.{match['output']}"
            return repr(self._variable(name))

        python = re.sub(
            r"tasks\['(?P<task>[^']+)'\]\.outputs\.parameters\['(?P<output>[^']+)'\]"
            r"|inputs\.parameters\['(?P<input>[^']+)'\]",
            literal,
            text,
        )
        python = python.replace("&&", " and ").replace("||", " or ")
        python = re.sub(r"!(?!=)", " not ", python)
        value = eval(python, {"__builtins__": {}}, names)  # noqa: S307 (our own templates)
        return str(value).lower() if isinstance(value, bool) else str(value)


SHOP = {"repository": "octo/shop"}
PULL = {**SHOP, "pull-request": "7", "head": sha("pushed")}
NOTHING = says(result="nothing-to-do")
NO = says(verdict="fail")

JUDGED = ("clippy-and-qa/clippy", "clippy-and-qa/qa", "security", "acceptance", "merge")
ROUND_1 = tuple(f"round-1/{each}" for each in JUDGED[:-1])
AFTER_QA = "round-1/after-clippy-and-qa/next-round"
ROUND_2 = "round-1/after-acceptance/next-round"

COURSES: tuple[Course, ...] = (
    Course(
        "QA begins on the commit that Clippy left", "pr-flow", PULL, ("clippy", "qa"),
        begins={
            ("clippy", "head"): sha("pushed"), ("clippy", "github-app"): "clippy",
            ("qa", "head"): sha("clippy"), ("qa", "github-app"): "qa", ("qa", "pull-request"): "7",
        },
    ),
    Course(
        "where Clippy has nothing to do QA goes on", "pr-flow", PULL, ("clippy", "qa"),
        answers={"clippy": NOTHING}, begins={("qa", "head"): sha("pushed")},
    ),
    Course("where Clippy fails QA does not begin", "pr-flow", PULL, ("clippy",), "Failed", {"clippy": fails()}),
    Course(
        "a run that is cancelled ends the flow", "pr-flow", PULL, ("clippy", "qa"), "Failed",
        {"qa": fails("cancelled")},
    ),
    Course("what QA says is told and fails nothing", "pr-flow", PULL, ("clippy", "qa"), answers={"qa": NO}),
    Course(
        "a comment is answered, and Clippy and QA look at it",
        "comment-flow",
        {**SHOP, "pull-request": "7"},
        ("comment", "clippy-and-qa/clippy", "clippy-and-qa/qa"),
        begins={
            ("comment", "github-app"): "comment",
            ("comment", "timeout"): "14400",
            ("clippy-and-qa/clippy", "head"): sha("comment"),
        },
    ),
    Course(
        "a comment that asks for no change ends", "comment-flow", {**SHOP, "pull-request": "7"}, ("comment",),
        answers={"comment": says(result="nothing-to-do", verdict="pass")},
    ),
    Course(
        "Rex takes over where code must be rethought",
        "comment-flow",
        {**SHOP, "pull-request": "7"},
        ("comment", "rex", "clippy-and-qa-of-rex/clippy", "clippy-and-qa-of-rex/qa"),
        answers={"comment": says(result="nothing-to-do", verdict="fail", head=sha("pushed"))},
        begins={("rex", "head"): sha("pushed"), ("clippy-and-qa-of-rex/clippy", "head"): sha("rex")},
    ),
    Course(
        "a comment that cannot be answered fails", "comment-flow", {**SHOP, "pull-request": "7"}, ("comment",),
        "Failed", {"comment": fails()},
    ),
    Course(
        "an issue comes to a review", "issue-flow", {**SHOP, "issue": "3"},
        (
            "implement", "examine/clippy-and-qa/clippy", "examine/clippy-and-qa/qa", "examine/security",
            "examine/review",
        ),
        begins={
            ("implement", "github-app"): "issue", ("implement", "issue"): "3",
            ("examine/clippy-and-qa/clippy", "pull-request"): "7",
            ("examine/clippy-and-qa/clippy", "head"): sha("implement"),
            ("examine/security", "head"): sha("examine/clippy-and-qa/qa"),
            ("examine/review", "head"): sha("examine/security"), ("examine/review", "timeout"): "1209600",
        },
    ),
    Course(
        "an issue that asks for nothing ends", "issue-flow", {**SHOP, "issue": "3", "github-app": "rex"},
        ("implement",), answers={"implement": says(result="nothing-to-do", pull_request="")},
        begins={("implement", "github-app"): "rex"},
    ),
    Course(
        "where QA says no Comment mends, and all is looked at again", "issue-flow", {**SHOP, "issue": "3"},
        (
            "implement", "examine/clippy-and-qa/clippy", "examine/clippy-and-qa/qa", "examine/mend",
            "examine/next-round/clippy-and-qa/clippy", "examine/next-round/clippy-and-qa/qa",
            "examine/next-round/security", "examine/next-round/review",
        ),
        answers={"examine/clippy-and-qa/qa": NO},
        begins={
            ("examine/mend", "github-app"): "comment",
            ("examine/next-round/clippy-and-qa/clippy", "head"): sha("examine/mend"),
        },
    ),
    Course(
        "after the last round a person gets it as it is", "issue-flow", {**SHOP, "issue": "3", "rounds": "1"},
        ("implement", "examine/clippy-and-qa/clippy", "examine/clippy-and-qa/qa", "examine/review-as-it-is"),
        answers={"examine/clippy-and-qa/qa": NO},
        begins={("examine/review-as-it-is", "head"): sha("examine/clippy-and-qa/qa")},
    ),
    Course(
        "a review that is stale or does not come ends the flow", "issue-flow",
        {**SHOP, "issue": "3", "review-timeout": "60"},
        (
            "implement", "examine/clippy-and-qa/clippy", "examine/clippy-and-qa/qa", "examine/security",
            "examine/review",
        ),
        answers={"examine/review": says(verdict="timed-out")}, begins={("examine/review", "timeout"): "60"},
    ),
    Course(
        "a failed implementation fails the flow", "issue-flow", {**SHOP, "issue": "3"}, ("implement",), "Failed",
        {"implement": fails()},
    ),
    Course(
        "QA that fails fails the flow, deep as it stands", "issue-flow", {**SHOP, "issue": "3"},
        ("implement", "examine/clippy-and-qa/clippy", "examine/clippy-and-qa/qa"), "Failed",
        {"examine/clippy-and-qa/qa": fails()},
    ),
    Course(
        "a task is implemented, judged and merged", "task-flow", {**SHOP, "task": "add it"},
        ("implement", *ROUND_1, "round-1/merge"),
        begins={
            ("implement", "github-app"): "rex", ("implement", "words"): "task", ("implement", "base"): "",
            ("round-1/clippy-and-qa/clippy", "head"): sha("implement"),
            ("round-1/security", "head"): sha("round-1/clippy-and-qa/qa"),
            ("round-1/acceptance", "head"): sha("round-1/security"),
            ("round-1/acceptance", "github-app"): "acceptance",
            ("round-1/merge", "head"): sha("round-1/acceptance"), ("round-1/merge", "pull-request"): "7",
        },
    ),
    Course(
        "a task that asks for nothing ends", "task-flow", {**SHOP, "issue": "3"}, ("implement",),
        answers={"implement": says(result="nothing-to-do", pull_request="")}, begins={("implement", "issue"): "3"},
    ),
    Course(
        "what Acceptance objects to Rex mends, and everybody looks again", "task-flow", {**SHOP, "task": "add it"},
        ("implement", *ROUND_1, "round-1/after-acceptance/mend", *(f"{ROUND_2}/{each}" for each in JUDGED)),
        answers={"round-1/acceptance": NO},
        begins={
            ("round-1/after-acceptance/mend", "github-app"): "rex",
            ("round-1/after-acceptance/mend", "head"): sha("round-1/acceptance"),
            (f"{ROUND_2}/clippy-and-qa/clippy", "head"): sha("round-1/after-acceptance/mend"),
        },
    ),
    Course(
        "what QA and then Security object to Rex mends, as often as there are rounds", "task-flow",
        {**SHOP, "task": "add it"},
        (
            "implement", "round-1/clippy-and-qa/clippy", "round-1/clippy-and-qa/qa",
            "round-1/after-clippy-and-qa/mend",
            f"{AFTER_QA}/clippy-and-qa/clippy", f"{AFTER_QA}/clippy-and-qa/qa", f"{AFTER_QA}/security",
            f"{AFTER_QA}/after-security/mend",
            *(f"{AFTER_QA}/after-security/next-round/{each}" for each in JUDGED),
        ),
        answers={"round-1/clippy-and-qa/qa": NO, f"{AFTER_QA}/security": NO},
        begins={(f"{AFTER_QA}/after-security/mend", "head"): sha(f"{AFTER_QA}/security")},
    ),
    Course(
        "after the last round a task ends as it is", "task-flow", {**SHOP, "task": "add it", "rounds": "1"},
        ("implement", "round-1/clippy-and-qa/clippy", "round-1/clippy-and-qa/qa"),
        answers={"round-1/clippy-and-qa/qa": NO},
    ),
    Course(
        "a commit that was left before its merge is looked at as it stands now", "task-flow",
        {**SHOP, "task": "add it"},
        ("implement", *ROUND_1, "round-1/merge", *(f"round-1/again-on-new-commit/{each}" for each in JUDGED)),
        answers={"round-1/merge": says(verdict="stale")},
        begins={("round-1/again-on-new-commit/clippy-and-qa/clippy", "head"): ""},
    ),
    Course(
        "a commit that somebody has not judged is judged, and nobody is blamed", "task-flow",
        {**SHOP, "task": "add it"},
        ("implement", *ROUND_1, "round-1/merge", *(f"round-1/again-on-new-commit/{each}" for each in JUDGED)),
        answers={"round-1/merge": says(verdict="unjudged")},
    ),
    Course(
        "who judges and says nothing has not passed it", "task-flow", {**SHOP, "task": "add it", "rounds": "1"},
        ("implement", *ROUND_1[:3]), answers={"round-1/security": says(verdict="")},
    ),
    Course(
        "a check that fails for good is triaged, mended by Triage, and all is looked at again", "task-flow",
        {**SHOP, "task": "add it"},
        ("implement", *ROUND_1, "round-1/merge", "round-1/triage", "round-1/after-checks/mend",
         *(f"round-1/after-checks/next-round/{each}" for each in JUDGED)),
        answers={"round-1/merge": says(verdict="failed")},
        begins={("round-1/after-checks/mend", "github-app"): "triage"},
    ),
    Course(
        "a check that was flaky costs another look and no mending", "task-flow", {**SHOP, "task": "add it"},
        ("implement", *ROUND_1, "round-1/merge", "round-1/triage",
         *(f"round-1/again-after-triage/{each}" for each in JUDGED)),
        answers={"round-1/merge": says(verdict="failed"), "round-1/triage": says(verdict="flaky")},
    ),
    Course(
        "what was broken before us is left to people", "task-flow", {**SHOP, "task": "add it"},
        ("implement", *ROUND_1, "round-1/merge", "round-1/triage"),
        answers={"round-1/merge": says(verdict="failed"), "round-1/triage": says(verdict="pre-existing")},
    ),
    Course(
        "what a person asks for before the merge Comment mends", "task-flow", {**SHOP, "task": "add it"},
        ("implement", *ROUND_1, "round-1/merge", "round-1/after-review/mend",
         *(f"round-1/after-review/next-round/{each}" for each in JUDGED)),
        answers={"round-1/merge": says(verdict="changes-requested")},
        begins={("round-1/after-review/mend", "github-app"): "comment"},
    ),
    Course(
        "a conflict ends a task as it is", "task-flow", {**SHOP, "task": "add it"},
        ("implement", *ROUND_1, "round-1/merge"), answers={"round-1/merge": says(verdict="conflict")},
    ),
    Course(
        "what is ours is mended, and its checks are waited for",
        "ci-flow",
        PULL,
        (
            "triage", "mend-pull-request", "prove-pull-request/clippy-and-qa/clippy",
            "prove-pull-request/clippy-and-qa/qa", "prove-pull-request/checks",
        ),
        begins={
            ("triage", "head"): sha("pushed"),
            ("mend-pull-request", "github-app"): "triage",
            ("mend-pull-request", "pull-request"): "7",
            ("mend-pull-request", "task"): "",
            ("prove-pull-request/clippy-and-qa/clippy", "head"): sha("mend-pull-request"),
            ("prove-pull-request/checks", "head"): sha("prove-pull-request/clippy-and-qa/qa"),
        },
    ),
    Course(
        "checks that still fail, or time out, end the flow",
        "ci-flow",
        PULL,
        (
            "triage", "mend-pull-request", "prove-pull-request/clippy-and-qa/clippy",
            "prove-pull-request/clippy-and-qa/qa", "prove-pull-request/checks",
        ),
        answers={"prove-pull-request/checks": says(verdict="timed-out")},
    ),
    Course(
        "what is ours on a branch is mended in a pull request to it",
        "ci-flow",
        {**SHOP, "branch": "main", "head": sha("pushed")},
        (
            "triage", "mend-branch", "prove-branch/clippy-and-qa/clippy", "prove-branch/clippy-and-qa/qa",
            "prove-branch/checks",
        ),
        begins={
            ("mend-branch", "base"): "main",
            ("mend-branch", "pull-request"): "",
            ("prove-branch/checks", "pull-request"): "7",
        },
    ),
    *(
        Course(
            f"a check that is {verdict} costs nothing more", "ci-flow", PULL, ("triage",),
            answers={"triage": says(verdict=verdict, check="", job="")},
        )
        for verdict in ("flaky", "pre-existing", "none", "timed-out", "")
    ),
    Course(
        "where Triage finds nothing to do no checks are waited for", "ci-flow", PULL,
        ("triage", "mend-pull-request"), answers={"mend-pull-request": NOTHING},
    ),
    Course(
        "an alert comes to a review", "security-flow", {**SHOP, "alert": "code_scanning_alert:5"},
        ("security", "clippy-and-qa/clippy", "clippy-and-qa/qa", "review"),
        begins={
            ("security", "task"): "Look at the scanner's alert code_scanning_alert:5 and mend what is real.",
            ("clippy-and-qa/clippy", "head"): sha("security"), ("review", "head"): sha("clippy-and-qa/qa"),
        },
    ),
    Course(
        "an alert that is none ends", "security-flow", {**SHOP, "alert": "dependabot_alert:5"}, ("security",),
        answers={"security": says(result="nothing-to-do", pull_request="")},
    ),
    Course(
        "a loop that agrees at once is governed by a person", "loop-flow", {**SHOP, "task": "Mend {{it}} \"now\""},
        tuple(
            f"round-1/{path}"
            for path in (
                "plan/researcher", "execute/coder", "review/reviewer", "judge/checks", "learn/researcher",
                "govern/approve",
            )
        ),
        answers={"round-1/review/reviewer": says(verdict="pass")},
        begins={
            ("round-1/execute/coder", "words"): "task",
            ("round-1/plan/researcher", "continue-from"): "",
            ("round-1/execute/coder", "continue-from"): run_of("round-1/plan/researcher"),
            ("round-1/review/reviewer", "continue-from"): run_of("round-1/execute/coder"),
            ("round-1/learn/researcher", "continue-from"): run_of("round-1/review/reviewer"),
            ("round-1/judge/checks", "head"): sha("round-1/execute/coder"),
            ("round-1/govern/approve", "pull-request"): "7",
        },
    ),
    Course(
        "rounds go on until review and checks agree", "loop-flow", {**SHOP, "task": "Mend it"},
        tuple(
            f"{turn}{path}"
            for turn, last in (
                ("round-1/", ()), ("round-1/next-round/", ()), ("round-1/next-round/next-round/", ("govern/approve",)),
            )
            for path in (
                "plan/researcher", "execute/coder", "review/reviewer", "judge/checks", "learn/researcher", *last,
            )
        ),
        answers={
            "round-1/review/reviewer": NO,
            "round-1/next-round/review/reviewer": says(verdict="pass"),
            "round-1/next-round/judge/checks": says(verdict="failed"),
            "round-1/next-round/next-round/review/reviewer": says(verdict="pass"),
        },
        begins={
            ("round-1/next-round/plan/researcher", "words"): "",
            ("round-1/next-round/plan/researcher", "pull-request"): "7",
            ("round-1/next-round/plan/researcher", "continue-from"): run_of("round-1/learn/researcher"),
            ("round-1/next-round/execute/coder", "head"): sha("round-1/execute/coder"),
        },
    ),
    Course(
        "after the last round a person decides about what there is", "loop-flow",
        {**SHOP, "task": "Mend it", "rounds": "1"},
        tuple(
            f"round-1/{path}"
            for path in (
                "plan/researcher", "execute/coder", "review/reviewer", "judge/checks", "learn/researcher",
                "govern/approve",
            )
        ),
        answers={"round-1/review/reviewer": NO, "round-1/govern/approve": says(verdict="rejected")},
    ),
    Course(
        "a pull request that is closed meanwhile ends the loop", "loop-flow", {**SHOP, "task": "Mend it"},
        tuple(f"round-1/{path}" for path in ("plan/researcher", "execute/coder", "review/reviewer", "judge/checks")),
        answers={"round-1/judge/checks": says(verdict="closed")},
    ),
    Course(
        "a loop with nothing to change ends", "loop-flow", {**SHOP, "task": "Mend it"},
        ("round-1/plan/researcher", "round-1/execute/coder"),
        answers={"round-1/execute/coder": says(result="nothing-to-do", pull_request="")},
    ),
    *(
        Course(
            f"{phase} runs alone", "loop-flow", {**PULL, "task": "Mend it"}, (node,), entrypoint=phase,
            begins={(node, "repository"): "octo/shop", **({(node, "github-app"): persona} if persona else {})},
        )
        for phase, node, persona in (
            ("plan", "researcher", "researcher"), ("execute", "coder", "coder"), ("review", "reviewer", "reviewer"),
            ("judge", "checks", ""), ("learn", "researcher", "researcher"), ("govern", "approve", ""),
        )
    ),
    Course(
        "a single run returns its results", "coderun-template",
        {**SHOP, "task": "Mend the total", "github-app": "rex", "base": "main"}, ("run",),
        begins={("run", "kind"): "CodeRun", ("run", "github-app"): "rex", ("run", "base"): "main"},
        outputs={"result": "succeeded", "pull-request": "7", "head": sha("run"), "branch": "pressplay/run-1"},
    ),
    Course("a single run that fails fails", "coderun-template", {**SHOP, "issue": "3"}, ("run",), "Failed",
           {"run": fails()}),
    Course(
        "a single run of documents", "docsrun-template", SHOP, ("run",),
        begins={("run", "kind"): "DocsRun", ("run", "github-app"): "docs"}, outputs={"result": "succeeded"},
    ),
)  # fmt: skip
