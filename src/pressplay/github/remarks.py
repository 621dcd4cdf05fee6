"""A comment that is made once: whoever asks again, after an answer that was lost or a restart, gets the same one.

It is known by a mark that readers do not see, and by who wrote it: the mark alone could be anybody's.
"""

from __future__ import annotations

from pressplay.github.client import GitHub


async def remark(github: GitHub, repository: str, number: int, key: str, body: str, login: str) -> str:
    """Have a comment on an issue or a pull request; answers its address.

    Args:
        key: what it is made once for: letters, digits and `-`.
        body: Markdown that has passed the renderer.
        login: of our own App's user, `SLUG[bot]`.

    Raises:
        GitHubError: one of its kinds.
    """
    mark = f"<!-- pressplay: remark {key} -->"
    for each in await github.comments(repository, number):
        if (each.get("user") or {}).get("login") == login and mark in str(each.get("body")):
            return str(each["html_url"])
    path = f"/repos/{repository}/issues/{number}/comments"
    made = await github.change("POST", path, {"body": f"{body}\n\n{mark}"})
    return str(made["html_url"])
