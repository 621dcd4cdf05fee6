"""The files of the events' objects, as they are checked in."""

from __future__ import annotations

from typing import Any

from pressplay.workflows.events.build import event_source, sensor
from pressplay.workflows.events.objects import as_manifest


def manifests() -> dict[str, dict[str, Any]]:
    """The objects by the names of their files."""
    return {"eventsource": as_manifest(event_source()), "sensor": as_manifest(sensor())}
