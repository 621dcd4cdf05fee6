"""What was found when a service outside was really called; told by the signer to the gateway, and by it to a doctor.

| who | what |
| --- | --- |
| GET /check, at the signer | `Checks` of each App and of the model's vendor |
| `python -m pressplay.gateway.checks`, in the gateway's container | prints them, and those of the gateway's own parts |
"""

from __future__ import annotations

from pressplay.protocol.base import Message


class Check(Message):
    """One thing that was tried.

    Attributes:
        ok: whether it did what it should.
        remedy: what to do; empty where all is well.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


class Checks(Message):
    """All that was tried."""

    checks: tuple[Check, ...]
