"""The formatters, auto-fixers and linters of a project: the usual ones, and what its settings make of them.

A persona with `fixers` has them run in the workbench before its model is asked. Data only; nothing is run here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pressplay.protocol.run import Fixer

Commands = tuple[tuple[str, ...], ...]

CLIPPY: Final = ("cargo", "clippy", "--fix", "--allow-dirty")
# Each ends with 0 only where nothing is left to be mended by hand.
DEFAULTS: Final[Mapping[str, tuple[Fixer, ...]]] = {
    "python": (
        Fixer(
            name="ruff",
            marks={"ruff.toml": "", ".ruff.toml": "", "pyproject.toml": "[tool.ruff"},
            commands=(("ruff", "check", "--fix", "."), ("ruff", "format", ".")),
        ),
        Fixer(name="black", marks={"pyproject.toml": "[tool.black"}, commands=(("black", "--quiet", "."),)),
        Fixer(name="flake8", marks={".flake8": "", "setup.cfg": "[flake8]"}, commands=(("flake8", "."),)),
    ),
    "javascript": (
        Fixer(
            name="eslint",
            marks={"eslint.config.js": "", "eslint.config.mjs": "", "eslint.config.ts": "", "package.json": '"eslint"'},
            commands=(("npx", "--no-install", "eslint", "--fix", "--max-warnings", "0", "."),),
        ),
        Fixer(
            name="prettier",
            marks={".prettierrc": "", ".prettierrc.json": "", ".prettierrc.yaml": "", "package.json": '"prettier"'},
            commands=(("npx", "--no-install", "prettier", "--write", "--log-level", "warn", "."),),
        ),
    ),
    "go": (
        Fixer(name="gofmt", marks={"go.mod": ""}, commands=(("gofmt", "-w", "."), ("go", "vet", "./..."))),
        Fixer(
            name="golangci-lint",
            marks={".golangci.yml": "", ".golangci.yaml": "", ".golangci.toml": ""},
            commands=(("golangci-lint", "run", "--fix"),),
        ),
    ),
    "rust": (
        Fixer(
            name="cargo",
            marks={"Cargo.toml": ""},
            commands=(
                ("cargo", "fmt", "--all"),
                (*CLIPPY, "--all-targets", "--all-features", "--", "-D", "warnings"),
            ),
        ),
    ),
}


def fixers(told: Mapping[str, Commands]) -> tuple[Fixer, ...]:
    """All that may run, in the order of the defaults.

    Args:
        told: commands by language, from the project's settings; they take the place of that language's defaults, and
            none at all switch it off.
    """
    usual = [one for language, some in DEFAULTS.items() if language not in told for one in some]
    own = [Fixer(name=language, commands=commands) for language, commands in told.items() if commands]
    return (*usual, *own)
