"""Paths that no agent changes: they decide what runs with credentials, who must review, or what later agents are told.

A person changes them. Compared as the most forgiving file system would, so that `.GitHub./` is `.github/`. What editors
and agents read is protected in every folder, since people open folders of a repository, too.
"""

from __future__ import annotations

from pressplay.policy.globs import matches_any
from pressplay.workspace.paths import as_read_anywhere

PROTECTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("it runs in CI or decides what GitHub does", (".github/**",)),
    ("it says who must review", ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")),
    ("it changes how git reads files", (".gitattributes", ".gitmodules", ".lfsconfig", ".mailmap")),
    ("it is run by the editors and containers of people", ("**/.devcontainer/**", ".devcontainer.json", "**/.vscode/**",
                                                           "**/.idea/**")),
    ("it is run by the hooks of people", ("**/.husky/**", "**/.githooks/**", ".pre-commit-config.yaml",
                                          "lefthook.yml")),
    ("it decides what agents may do", (".pressplay/**",)),
    ("it is what agents are told or may use", (
        ".mcp.json", "**/.claude/**", "claude.md", "claude.local.md", "agents.md", "agents.override.md", "gemini.md",
        "**/.gemini/**", "**/.cursor/**", ".cursorrules", ".windsurfrules", "**/.windsurf/**", ".aider*",
        "**/.codex/**", "**/.continue/**", "**/.roo/**", ".clinerules", "**/.clinerules/**",
    )),
    ("it builds with credentials elsewhere", (".gitlab-ci.yml", ".circleci/**", "azure-pipelines.yml", ".travis.yml",
                                              ".buildkite/**", "jenkinsfile", ".drone.yml", ".woodpecker/**")),
)  # fmt: skip
_READ = tuple((why, tuple(map(as_read_anywhere, globs))) for why, globs in PROTECTED)


def why_protected(path: str) -> str | None:
    """Why a path is protected, or None where it is not."""
    name = as_read_anywhere(path)
    # The folder itself, too: a link or a file in its place would take it.
    return next((why for why, globs in _READ if matches_any(globs, name) or matches_any(globs, f"{name}/")), None)
