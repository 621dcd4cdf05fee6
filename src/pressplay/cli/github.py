"""`pressplay github`: makes the GitHub App, keeps its key in the cluster, and checks where it may work."""

from __future__ import annotations

import base64
import re
import secrets
import time
import webbrowser
from dataclasses import replace
from typing import Any

import click
import httpx

from pressplay.cli import app_client, system
from pressplay.cli.app_client import Installation, NewApp
from pressplay.cli.app_manifest import Host, build_manifest, manual
from pressplay.cli.app_server import ManifestServer
from pressplay.cli.failures import Problem, WrongCall, explains
from pressplay.cli.options import reaching
from pressplay.cli.show import say
from pressplay.cli.waiting import Duration
from pressplay.kube.access import Access, Refused, objects

SECRET = "pressplay-github-app"  # noqa: S105 - a name
WEBHOOK_SECRET = "pressplay-webhook"  # noqa: S105 - a name
LONGEST_NAME = 34
HTTP_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 3.0


@click.group()
def github() -> None:
    """The GitHub App that agents work as."""


host_options = (
    click.option("--github-url", help="Of GitHub Enterprise https://HOST; else as the gateway is set up."),
    click.option("--api-url", help="Of GitHub Enterprise https://HOST/api/v3; else as the gateway is set up."),
    click.option("--system-namespace", help="Where Pressplay is installed; found where nothing is said."),
    click.option("--secret", default=SECRET, show_default=True, help="Name of the Secret."),
)


def _with_host(command: Any) -> Any:
    for option in reversed(host_options):
        command = option(command)
    return command


@github.command()
@_with_host
@click.option("--org", "organization", help="Organization that owns the App; yourself where nothing is said.")
@click.option("--name", "app_name", help="Name of the App, of which there is one in all of GitHub.")
@click.option("--webhook-url", help="Where GitHub is to send events; without it webhooks are off.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; any free one.")
@click.option("--no-browser", is_flag=True, help="Only print the address to open.")
@click.option("--manual", "by_hand", is_flag=True, help="Only print how to make the App by hand.")
@click.option("--force", is_flag=True, help="Replace a Secret that is there.")
@click.option("--timeout", type=Duration(), default="10m", show_default=True, help="How long to wait for you.")
@reaching
@explains
def setup(
    reach: Any, github_url: str | None, api_url: str | None, system_namespace: str | None, secret: str,
    organization: str | None, app_name: str | None, webhook_url: str | None, port: int, no_browser: bool,
    by_hand: bool, force: bool, timeout: float,
) -> None:  # fmt: skip
    """Make a GitHub App in the browser and store its key in the cluster."""
    if by_hand:
        host = choose_host(Host(), github_url, api_url)
        click.echo(manual(host, organization, system_namespace or system.NAMESPACE, secret))
        return
    access: Access = reach()
    namespace = system_namespace or system.find_namespace(access)
    host = choose_host(system.github_host(access, namespace), github_url, api_url)
    if _read(access, namespace, secret) is not None and not force:
        raise Problem(
            f"there is a Secret {secret} in {namespace} already",
            "`pressplay github check` looks whether it works; --force replaces it",
        )
    with httpx.Client(timeout=HTTP_SECONDS) as http:
        name = app_name or f"{namespace}-{secrets.token_hex(3)}"[-LONGEST_NAME:]
        app = _make(http, host, organization, name, webhook_url, port, not no_browser, timeout)
        _store(access, namespace, secret, app)
        click.echo(f"The App {app.slug} is made; its key is in Secret {secret} in {namespace}.")
        click.echo(f"Install it on the repositories that agents may work on: {app.url}/installations/new")
        found = _await_installation(http, host, app, timeout)
    click.echo("\n".join(told(found)))


@github.command()
@_with_host
@reaching
@explains
def check(reach: Any, github_url: str | None, api_url: str | None, system_namespace: str | None, secret: str) -> None:
    """Check that GitHub takes the App's key, and where the App may work; exit code 1 if it may nowhere."""
    access: Access = reach()
    namespace = system_namespace or system.find_namespace(access)
    host = choose_host(system.github_host(access, namespace), github_url, api_url)
    data = _read(access, namespace, secret)
    if data is None:
        raise Problem(
            f"there is no Secret {secret} in {namespace}", "`pressplay github setup` makes the App and its Secret"
        )
    app_id, pem = data.get("app-id", "").strip(), data.get("private-key.pem", "")
    if not app_id or not pem:
        raise Problem(
            f"Secret {secret} in {namespace} has no {'app-id' if not app_id else 'private-key.pem'}",
            f"`pressplay github setup --manual --secret {secret}` says what belongs into it",
        )
    with httpx.Client(timeout=HTTP_SECONDS) as http:
        app = app_client.who(http, host.api, app_id, pem, time.time())
        found = app_client.installations(http, host.api, app_id, pem, time.time())
    click.echo(f"The App {app.get('slug')} (id {app_id}): {host.api} takes its key.")
    click.echo("\n".join(told(found)))
    if not any(not each.suspended and not each.lacks for each in found):
        raise Problem("the App may work nowhere yet", f"install it: {app.get('html_url')}/installations/new")


def choose_host(configured: Host, url: str | None, api: str | None) -> Host:
    """GitHub as the user says, else as the gateway is set up; an Enterprise server's API follows from its address."""
    if url and not re.match(r"^https?://[^/]+", url):
        raise WrongCall(f"--github-url {url!r} is no address", "write https://HOST")
    if url and not api:
        url = url.rstrip("/")
        api = Host().api if url == Host().url else f"{url}/api/v3"
    chosen = replace(configured, **({"url": url.rstrip("/")} if url else {}))
    return replace(chosen, **({"api": api.rstrip("/")} if api else {}))


def told(found: list[Installation]) -> list[str]:
    """Where the App is installed, a line each."""
    if not found:
        return ["It is installed nowhere yet."]
    return [
        f"  {'✓' if not each.lacks and not each.suspended else '✗'} {each.account}: {_state(each)}" for each in found
    ]


def _state(each: Installation) -> str:
    if each.suspended:
        return "suspended; its owner can lift that on GitHub"
    if each.lacks:
        return f"lacks {', '.join(each.lacks)}; its owner accepts new permissions on the App's page at GitHub"
    return "all repositories" if each.selection == "all" else "selected repositories"


def _make(
    http: httpx.Client, host: Host, organization: str | None, name: str, webhook: str | None, port: int,
    browser: bool, seconds: float,
) -> NewApp:  # fmt: skip
    page = host.creation_page(organization)
    with ManifestServer(page, lambda redirect: build_manifest(name, redirect, webhook), port) as server:
        say(f"Open {server.url} in a browser on this machine, and confirm at GitHub.")
        if browser and not webbrowser.open(server.url):
            say("(no browser could be opened; without one on this machine see --manual)")
        code = server.code(seconds)
    if code is None:
        raise Problem("GitHub has not come back", "run it again; `--manual` says how to do it by hand")
    return app_client.convert(http, host.api, code)


def _store(access: Access, namespace: str, name: str, app: NewApp) -> None:
    try:
        for body in build_secrets(namespace, name, app):
            called = body["metadata"]["name"]
            if _read(access, namespace, called) is None:
                access.create(objects("v1", "secrets", namespace), body)
            else:
                access.replace(objects("v1", "secrets", namespace, called), body)
    except Refused as error:
        # GitHub hands the key over once; it must not be lost, nor appear in the terminal.
        raise Problem(
            f"the App {app.slug} is made, but its key could not be stored: {error.message}",
            f"generate a new key on {app.url} and store it as `pressplay github setup --manual` says",
        ) from None


def build_secrets(namespace: str, name: str, app: NewApp) -> list[dict[str, Any]]:
    """The Secret of the App's key and, for webhooks, another one: who checks those has no business with the key."""
    values = {name: {"app-id": str(app.id), "private-key.pem": app.pem, "slug": app.slug}}
    if app.webhook_secret:
        values[WEBHOOK_SECRET] = {"secret": app.webhook_secret}
    labels = {"app.kubernetes.io/name": "pressplay"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": called, "namespace": namespace, "labels": labels},
            "stringData": told,
        }
        for called, told in values.items()
    ]


def _read(access: Access, namespace: str, name: str) -> dict[str, str] | None:
    found = access.find(objects("v1", "secrets", namespace, name))
    if found is None:
        return None
    return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}


def _await_installation(http: httpx.Client, host: Host, app: NewApp, seconds: float) -> list[Installation]:
    ends = time.monotonic() + seconds
    say("Waiting for it to be installed; Ctrl-C ends the waiting, `pressplay github check` looks later.")
    while True:
        found = app_client.installations(http, host.api, str(app.id), app.pem, time.time())
        if found or time.monotonic() > ends:
            return found
        time.sleep(LOOK_AGAIN_SECONDS)
