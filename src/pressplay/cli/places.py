"""Namespaces that a user names: whether they are there. An empty list would pass for an answer."""

from __future__ import annotations

from http import HTTPStatus

from pressplay.cli.failures import Problem
from pressplay.kube.access import Access, Refused, objects


def check_namespace(access: Access) -> None:
    """That the namespace that is meant is there, as far as this user may know.

    Raises:
        Problem: it is not.
    """
    try:
        access.get(objects("v1", "namespaces", None, access.namespace))
    except Refused as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return
        if error.status != HTTPStatus.NOT_FOUND or not error.reason:
            raise
        told = "`kubectl get namespaces` lists those there are; -A looks in all"
        raise Problem(f"there is no namespace {access.namespace!r}", told) from None
