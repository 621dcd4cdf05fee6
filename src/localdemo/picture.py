"""A picture of a Workflow in the Argo UI, as a person sees it who logs in with the token."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from localkube.errors import LocalKubeError

if TYPE_CHECKING:
    from playwright.sync_api import Page

# The whole page, scripts included, comes over the port of the node. The demo goes on without its picture.
PATIENCE_MS = 20_000
CHROMIUM_FLAGS = [
    "--no-sandbox",  # as root it does not start otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # It shall not call anybody but the page that is looked at.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The browser of this machine, if it has one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def log_in(page: Page, address: str, token: str) -> None:
    """Log in at the Argo UI as a person does who has a token."""
    page.goto(f"{address}/login")
    by_token = page.locator(".columns", has=page.locator("textarea"))
    by_token.locator("textarea").fill(f"Bearer {token}")
    by_token.get_by_role("link", name="Login").click()
    page.wait_for_url("**/workflows**")


def take(address: str, token: str, namespace: str, workflow: str, target: Path) -> Path:
    """Take the picture; answers its file.

    Raises:
        LocalKubeError: there is no browser, or the page does not show the Workflow.
    """
    browser = chromium()
    if browser is None:
        raise LocalKubeError("there is no Chromium on this machine", "install the package chromium")
    # Heavy, and of no use to whoever has no browser.
    from playwright.sync_api import Error, sync_playwright

    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with sync_playwright() as playwright:
            opened = playwright.chromium.launch(executable_path=browser, args=CHROMIUM_FLAGS, headless=True)
            page = opened.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(PATIENCE_MS)
            log_in(page, address, token)
            page.goto(f"{address}/workflows/{namespace}/{workflow}?tab=workflow")
            page.locator(".workflow-details__graph-container").get_by_text("clippy").locator(
                "visible=true"
            ).first.wait_for()
            page.screenshot(path=target)
            opened.close()
    except Error as error:
        why = f"the Argo UI shows no graph of {workflow} within {PATIENCE_MS // 1000} s"
        raise LocalKubeError(f"{why} ({str(error).splitlines()[0]})", "`pressplay cluster ui` opens it") from None
    return target
