"""What each reason means and what to do about it: the documentation takes these words from here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pressplay.resources.reasons import Reason


class Explained(NamedTuple):
    """A reason in words.

    Attributes:
        remedy: what to do; empty where there is nothing to do.
    """

    meaning: str
    remedy: str = ""


def more_of(field: str) -> str:
    """What to do where the budget's field was too little."""
    return f"raise spec.budget.{field} in a retry: `pressplay retry NAME --budget …`"


LOOK: Final = "`pressplay logs NAME` shows what the agent did; "
REMEDIES: Final[Mapping[Reason, Explained]] = MappingProxyType({
    Reason.WAITING: Explained("Something outside is awaited; the message says what."),
    Reason.ADMITTED: Explained("Repository, persona, model and App were found and may be used."),
    Reason.STARTING: Explained("An attempt's Job was made; its pod is on its way."),
    Reason.AGENT_AT_WORK: Explained("The agent works."),
    Reason.RETRYING: Explained("An attempt ended early; another follows and goes on from its work."),
    Reason.DISRUPTED: Explained("The pod was taken away (a drain, a lost node); this is not counted as an attempt."),
    Reason.SUSPENDED: Explained("`spec.suspend` is true.", "set it to false; the work goes on where it stopped"),
    Reason.RESUMED: Explained("`spec.suspend` is false again."),
    Reason.PULL_REQUEST_OPENED: Explained("The pull request is open and holds the run's work."),
    Reason.STRANGERS_TEXT: Explained("Words of somebody who may not write in the repository reached the agent, or a "
                                     "run that it goes on from; the message says whose.",
                                     "read what it made; who may write and did not ask for it comments "
                                     "`/pressplay approve` on the pull request"),
    Reason.SUCCEEDED: Explained("The work is handed over."),
    Reason.NOTHING_TO_CHANGE: Explained("The agent finished and nothing differs from the base."),
    Reason.CANCELLED: Explained("`spec.cancel` is true."),
    Reason.INVALID_RUN: Explained("A field asks for what cannot be, or what the cluster's policy does not allow.",
                                  "change the field that the message names in a new run"),
    Reason.UNKNOWN_PERSONA: Explained("There is no persona of this name.", "choose one that the message lists"),
    Reason.PERSONA_NOT_PERMITTED: Explained(
        "The namespace's policy does not allow the persona, or the persona lacks a permission that the run needs.",
        "choose another persona, or ask who runs the cluster to change what the message names"),
    Reason.UNKNOWN_MODEL: Explained("The model is not known, is another vendor's, or may not be used here.",
                                    "choose another in `spec.model`, or leave it out"),
    Reason.UNKNOWN_ENGINE: Explained("There is no such engine.", "leave `spec.engine` out"),
    Reason.REPOSITORY_NOT_FOUND: Explained("GitHub has no such repository, or the App may not see it.",
                                           "check `spec.repository` and the App's installation"),
    Reason.REPOSITORY_NOT_ALLOWED: Explained("This namespace may not work on the repository.",
                                             "ask who runs the cluster to change its policy"),
    Reason.APP_NOT_INSTALLED: Explained("The App is not installed on the repository, or there is no such repository.",
                                        "install it there; `pressplay doctor` says where it is"),
    Reason.APP_REFUSED: Explained("GitHub does not accept the App's key, or the App lacks a permission.",
                                  "`pressplay doctor` says which; `pressplay github setup` makes a new App"),
    Reason.BASE_NOT_FOUND: Explained("There is no branch of this name.", "set `spec.base` to one that is there"),
    Reason.TASK_NOT_FOUND: Explained("The issue, pull request or backlog of the task is not there.",
                                     "check the number, or `spec.tasksFile`"),
    Reason.IMAGE_NOT_ALLOWED: Explained("The workbench's image may not be used in this namespace.",
                                        "choose another, or ask who runs the cluster to change its policy"),
    Reason.PROJECT_SETTINGS_WRONG: Explained("`.pressplay/requirements.yaml` of the default branch cannot be used.",
                                             "mend the field that the message names, on that branch"),
    Reason.CONTINUE_FROM_NOT_FOUND: Explained("There is no earlier run of this name on this repository here.",
                                              "check `spec.continueFrom`"),
    Reason.HEAD_NOT_FOUND: Explained("The commit is not, or not any more, on the branch that the run would work on.",
                                     "make a run for a commit that is there, or leave `spec.head` out"),
    Reason.MODEL_REFUSED_KEY: Explained("There is no key for the model, or the vendor refuses it.",
                                        "put a valid one into the Secret that `llm.existingSecret` names"),
    Reason.MODEL_UNAVAILABLE: Explained("The vendor did not answer, also after patience and with the fallbacks.",
                                        "`pressplay retry NAME` later; the work so far is kept"),
    Reason.MODEL_REFUSED_REQUEST: Explained("The vendor, or the list of what may pass, refuses a call.",
                                            "the message has the words; choose another model if it is the model's"),
    Reason.GITHUB_UNAVAILABLE: Explained("GitHub did not answer, or asks for more patience than there is.",
                                         "nothing is lost; it goes on when GitHub answers, or `pressplay retry NAME`"),
    Reason.GATEWAY_UNAVAILABLE: Explained("The gateway did not answer the pod or the operator.",
                                          "`pressplay doctor`; it goes on when the gateway answers"),
    Reason.TOKENS_EXHAUSTED: Explained("The next call could go beyond the tokens of the budget.",
                                       "`pressplay retry NAME --budget 500k` goes on with the work"),
    Reason.MONEY_EXHAUSTED: Explained("The next call could cost more than the budget has.",
                                      "`pressplay retry NAME --budget '$5'` goes on with the work"),
    Reason.STEPS_EXHAUSTED: Explained("All calls of the budget are made.",
                                      "`pressplay retry NAME --budget 200steps` goes on with the work"),
    Reason.TIME_EXHAUSTED: Explained("The wall clock of the budget is over.",
                                     "`pressplay retry NAME --budget 2h` goes on with the work"),
    Reason.GAVE_UP: Explained("The agent says that it cannot do the task, or stopped without finishing.",
                              LOOK + "say the task more exactly"),
    Reason.NOT_CONVERGING: Explained("The agent did the same again and again, or its context is full.",
                                     LOOK + "split the task"),
    Reason.OUTPUT_REFUSED: Explained("What was handed over breaks rules, also after the agent was told which.",
                                     "the message names files and rules; a person makes such a change"),
    Reason.PUSH_REJECTED: Explained("GitHub refuses the push, or somebody changed the branch meanwhile.",
                                    "`pressplay retry NAME` begins on what is there now; look at the branch's rules"),
    Reason.WORKSPACE_FAILED: Explained("The workspace could not be made.", "the message has git's words"),
    Reason.WORKBENCH_UNUSABLE: Explained("The workbench's image has no POSIX shell at /bin/sh, or no git.",
                                         "set `spec.workbench.image` to one that has both"),
    Reason.NO_SPACE: Explained("The pod's disk is full.", "raise `spec.workbench.resources.storage`"),
    Reason.OUT_OF_MEMORY: Explained("A container used more memory than it may.",
                                    "raise `spec.workbench.resources.memory`"),
    Reason.IMAGE_NOT_PULLED: Explained("No node can have an image.",
                                       "check `spec.workbench.image`, its registry and `runs.pullSecrets`"),
    Reason.POD_REFUSED: Explained("The API server refuses the Job or its pod.",
                                  "the message has its words: a quota, a policy, a missing ServiceAccount"),
    Reason.RUNNER_FAILED: Explained("A fault of the runner's, or its pod ended without a reason.",
                                    "`pressplay retry NAME`; if it stays, `pressplay logs NAME` for a report"),
    Reason.ATTEMPTS_EXHAUSTED: Explained("Every attempt ended early; the message says how the last one did.",
                                         "mend that, and `pressplay retry NAME`"),
})  # fmt: skip
