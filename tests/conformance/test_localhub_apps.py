"""How an App is made at the stand-in by its manifest, installed, and what its tokens may then do."""

from __future__ import annotations

import html
import json
import re
import time
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pressplay.cli.app_client import convert, installations, who
from pressplay.cli.app_manifest import PERMISSIONS, build_manifest
from tests.conformance.hub import Hub, Receiver, check, check_hook
from tests.serving import served


def confirmed(hub: Hub, manifest: dict[str, Any], state: str = "my state") -> httpx.Response:
    """Send a manifest as a browser does, and press the button."""
    with httpx.Client(base_url=hub.address) as browser:
        page = browser.post(f"/settings/apps/new?state={state}", data={"manifest": json.dumps(manifest)})
        if page.status_code != 200:
            return page
        assert "Create GitHub App" in page.text
        fields = re.findall(r'name=(\w+) value="([^"]*)"', page.text)
        return browser.post("/settings/apps/confirmed", data={name: html.unescape(value) for name, value in fields})


def test_an_app_is_made_by_its_manifest_and_installed(hub: Hub) -> None:
    back = confirmed(hub, build_manifest("My Agents", "http://127.0.0.1:9/callback", "http://hook.example/x"))
    assert back.status_code == 302
    location = httpx.URL(back.headers["location"])
    assert location.params["state"] == "my state"
    code = location.params["code"]
    api = f"{hub.address}/api/v3"
    with httpx.Client() as http:
        app = convert(http, api, code)
        assert app.slug == "my-agents"
        assert app.webhook_secret
        assert who(http, api, str(app.id), app.pem, time.time())["slug"] == "my-agents"
        assert installations(http, api, str(app.id), app.pem, time.time()) == []
        assert http.post(f"{api}/app-manifests/{code}/conversions").status_code == 404
        page = http.get(f"{app.url}/installations/new")
        assert "Install my-agents" in page.text
        http.post(f"{app.url}/installations/new")
        (found,) = installations(http, api, str(app.id), app.pem, time.time())
    assert found.lacks == ()
    hub.app = {"id": app.id, "private_key": app.pem}
    hub.installation = next(iter(_installed(hub)))["id"]
    token = hub.new_token(repositories=["sums"], permissions={"contents": "read"})
    check("post", "/app/installations/{installation_id}/access_tokens", token)
    assert token.json()["permissions"] == {"contents": "read"}
    assert set(_installed(hub)[0]["permissions"]) == set(PERMISSIONS)


def _installed(hub: Hub) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.http.get("/app/installations", headers=hub.as_app()).json()
    return found


def test_the_conversion_answers_as_github_does(hub: Hub) -> None:
    back = confirmed(hub, build_manifest("Another", "http://127.0.0.1:9/callback", None))
    code = httpx.URL(back.headers["location"]).params["code"]
    check("post", "/app-manifests/{code}/conversions", hub.http.post(f"/app-manifests/{code}/conversions"))


def test_a_manifest_that_lacks_something_or_a_name_that_is_taken_is_refused(hub: Hub) -> None:
    assert confirmed(hub, {"name": "x"}).status_code == 422
    assert confirmed(hub, build_manifest("pressplay", "http://127.0.0.1:9/callback", None)).status_code == 422


def test_a_code_is_good_for_an_hour_and_comes_back_to_an_address_with_a_query(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = confirmed(hub, build_manifest("Late", "http://127.0.0.1:9/callback?from=here", None), state="")
    params = httpx.URL(back.headers["location"]).params
    assert (params["from"], "state" in params) == ("here", False)
    later = time.monotonic() + 3600
    monkeypatch.setattr("localhub.manifests.time", SimpleNamespace(monotonic=lambda: later))
    late = hub.http.post(f"/app-manifests/{params['code']}/conversions")
    check("post", "/app-manifests/{code}/conversions", late)
    assert late.status_code == 404


def test_a_manifest_can_be_written_by_hand(hub: Hub) -> None:
    for owner in ("", "/organizations/acme"):
        page = httpx.get(f"{hub.address}{owner}/settings/apps/new")
        assert (page.status_code, "<textarea name=manifest" in page.text) == (200, True)


def test_an_app_of_a_manifest_hears_only_what_it_asked_for(hub: Hub) -> None:
    receiver = Receiver()
    with served(receiver) as address:
        manifest = build_manifest("Listener", "http://127.0.0.1:9/callback", f"{address}/hook")
        back = confirmed(hub, {**manifest, "default_events": ["issue_comment"]})
        code = httpx.URL(back.headers["location"]).params["code"]
        app = hub.http.post(f"/app-manifests/{code}/conversions").json()
        httpx.post(f"{hub.address}/apps/{app['slug']}/installations/new")
        hub.make("/_hub/issues", {"repository": "acme/sums", "title": "Another"})
        hub.call("POST", "/repos/acme/sums/issues/1/comments", json={"body": "Well"})
        receiver.until(lambda: len(receiver.came) > 0, "the comment")
        assert receiver.events() == [("issue_comment", "created")]
        check_hook(*receiver.came[0], app["webhook_secret"])


def test_a_token_lists_its_repositories_and_ends_when_it_is_revoked(hub: Hub) -> None:
    headers = {"authorization": f"Bearer {hub.new_token(repositories=['sums']).json()['token']}"}
    listed = hub.http.get("/installation/repositories", headers=headers)
    check("get", "/installation/repositories", listed)
    assert [each["full_name"] for each in listed.json()["repositories"]] == ["acme/sums"]
    assert hub.http.delete("/installation/token", headers=headers).status_code == 204
    assert hub.http.get("/installation/repositories", headers=headers).status_code == 401
