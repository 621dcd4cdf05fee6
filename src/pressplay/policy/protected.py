"""Paths that no agent changes: they decide what runs with credentials, who must review, or what later agents are told.

A person changes them. Compared as a file system that folds case and Unicode would, so that `.GitHub/` is `.github/`.
"""

from __future__ import annotations

from pressplay.policy.globs import matches_any
from pressplay.workspace.paths import folded

PROTECTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("it runs in CI or decides what GitHub does", (".github/**",)),
    ("it says who must review", ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")),
    ("it changes how git reads files", (".gitattributes", ".gitmodules", ".lfsconfig", ".mailmap")),
    ("it is run by the editors and containers of people", (".devcontainer/**", ".devcontainer.json", ".vscode/**",
                                                           ".idea/**")),
    ("it is run by the hooks of people", (".husky/**", ".githooks/**", ".pre-commit-config.yaml", "lefthook.yml")),
    ("it decides what agents may do", (".pressplay/**",)),
    ("it is what agents are told or may use", (
        ".mcp.json", ".claude/**", "claude.md", "agents.md", "gemini.md", ".cursor/**", ".cursorrules",
        ".windsurfrules", ".aider*", ".codex/**", ".continue/**", ".roo/**", ".clinerules",
    )),
    ("it builds with credentials elsewhere", (".gitlab-ci.yml", ".circleci/**", "azure-pipelines.yml", ".travis.yml",
                                              ".buildkite/**", "jenkinsfile", ".drone.yml", ".woodpecker/**")),
)  # fmt: skip


def why_protected(path: str) -> str | None:
    """Why a path is protected, or None where it is not."""
    name = folded(path)
    return next((why for why, globs in PROTECTED if matches_any(tuple(map(folded, globs)), name)), None)
