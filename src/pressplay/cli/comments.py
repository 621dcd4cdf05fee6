"""`pressplay comments`: what was said about a pull request, with the code it was said about, in one call."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import click
import httpx
from pydantic import SecretStr

from pressplay.cli import checkout
from pressplay.cli.failures import Problem, explains
from pressplay.cli.options import as_output
from pressplay.github.client import GitHub
from pressplay.github.errors import GitHubError
from pressplay.github.threads import thread_of
from pressplay.protocol.run import Thread
from pressplay.protocol.threads import as_text

VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")
SECONDS = 30.0


@click.command()
@click.argument("number", type=click.IntRange(1))
@click.option("--repo", "repository", help="owner/name; that of the checkout where nothing is said.")
@click.option("--api-url", help="Of GitHub Enterprise https://HOST/api/v3; else by the checkout's remote.")
@click.option("--all", "everything", is_flag=True, help="Resolved threads, too.")
@as_output("json")
@explains
def comments(number: int, repository: str | None, api_url: str | None, everything: bool, output: str) -> None:
    """Show pull request NUMBER with its comments and open review threads, each with its code.

    Reads GitHub as you: with the token in GITHUB_TOKEN or GH_TOKEN, else with that of the command gh.
    """
    name, host = where(repository)
    api = (api_url or api_of(host)).rstrip("/")
    thread = asyncio.run(_read(api, token_of(os.environ, host), name, number))
    if not everything:
        thread = thread.model_copy(update={"reviews": tuple(each for each in thread.reviews if not each.resolved)})
    click.echo(thread.model_dump_json(indent=2) if output == "json" else as_text(thread, "Pull request"))


def where(repository: str | None) -> tuple[str, str]:
    """The repository's name and host: as said, else as the checkout's remote says."""
    found = checkout.read(Path.cwd())
    if repository:
        return repository, found.host if found else ""
    if found is None or not found.repository:
        raise Problem("this is no checkout with a remote", "name the repository with --repo owner/name")
    return found.repository, found.host


def api_of(host: str) -> str:
    """Where a host's API is."""
    return "https://api.github.com" if host in ("", "github.com") else f"https://{host}/api/v3"


def token_of(variables: os._Environ[str] | dict[str, str], host: str) -> SecretStr:
    """The user's own token."""
    for name in VARIABLES:
        if variables.get(name):
            return SecretStr(variables[name])
    if shutil.which("gh"):
        words = ["gh", "auth", "token", *(["--hostname", host] if host else [])]
        said = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        if said.returncode == 0 and said.stdout.strip():
            return SecretStr(said.stdout.strip())
    raise Problem("there is no token for GitHub", f"set {VARIABLES[0]}, or log in with `gh auth login`")


async def _read(api: str, token: SecretStr, repository: str, number: int) -> Thread:
    async with httpx.AsyncClient(timeout=SECONDS) as http:
        github = GitHub(http, api, token)
        try:
            subject = await github.issue(repository, number)
            said = await github.comments(repository, number)
            reviews = await github.review_threads(repository, number)
        except GitHubError as error:
            remedy = "check the number, --repo, and that the token may read the repository"
            raise Problem(f"pull request {number} of {repository} cannot be read: {error}", remedy) from None
    return thread_of(subject, said, reviews)
