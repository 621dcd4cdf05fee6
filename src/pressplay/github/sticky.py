"""The one comment that we keep on a pull request or issue: made once, changed afterwards, so that nobody is flooded.

It is known by a mark that readers do not see, and by the App that wrote it: the mark alone could be anybody's, and an
App that is renamed has another login from then on.
"""

from __future__ import annotations

from pressplay.github.client import GitHub
from pressplay.github.text import rendered

MARK = "<!-- pressplay: one comment -->"
# GitHub takes 65,536 characters.
LONGEST = 60_000


async def say(github: GitHub, repository: str, number: int, text: str, app: int) -> int:
    """Have the comment say this; answers its id.

    Args:
        text: Markdown; it passes the renderer whole, so nothing in it notifies, closes or commands.
        app: id of our own App.

    Raises:
        GitHubError: one of its kinds.
    """
    body = f"{rendered(text, LONGEST)}\n\n{MARK}"
    for each in await github.comments(repository, number):
        if (each.get("performed_via_github_app") or {}).get("id") == app and MARK in str(each.get("body")):
            if each["body"] != body:
                await github.change("PATCH", f"/repos/{repository}/issues/comments/{each['id']}", {"body": body})
            return int(each["id"])
    made = await github.change("POST", f"/repos/{repository}/issues/{number}/comments", {"body": body})
    return int(made["id"])
