"""The Argo UI as a person sees it, in a headless browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from localdemo.picture import CHROMIUM_FLAGS, chromium, log_in
from localkube import cluster as clusters
from localkube.state import ClusterRecord
from tests.e2e.support import argo

# The whole page, scripts included, comes over the port of the node.
FIRST_SIGHT_MS = 60_000
# One workflow that has ended serves both files.
pytestmark = pytest.mark.xdist_group("argo")


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS, headless=True)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(FIRST_SIGHT_MS)
        yield page
        browser.close()


@pytest.mark.browser
def test_the_ui_shows_the_dag_to_whoever_logs_in_with_the_token(
    cluster: ClusterRecord, finished: argo.Run, page: Page, artifacts: Path
) -> None:
    address, token = clusters.ui(cluster)
    log_in(page, address, token)
    page.goto(f"{address}/workflows/{finished.namespace}/{finished.name}?tab=workflow")
    graph = page.locator(".workflow-details__graph-container")
    for node in ("measure", "record", "gate", "report"):
        expect(graph.get_by_text(node, exact=True)).to_be_visible(timeout=FIRST_SIGHT_MS)
    page.screenshot(path=artifacts / "argo-ui-dag.png")


@pytest.mark.browser
def test_the_ui_shows_nothing_to_whoever_has_no_token(cluster: ClusterRecord, finished: argo.Run, page: Page) -> None:
    address, _ = clusters.ui(cluster)
    page.goto(f"{address}/workflows/{finished.namespace}/{finished.name}")
    page.wait_for_url("**/login**", timeout=FIRST_SIGHT_MS)
    expect(page.get_by_text("measure", exact=True)).to_have_count(0)
