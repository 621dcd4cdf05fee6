"""Texts across the border, in both directions. Pure.

From GitHub to a model: what a person who looks at the page does not see is taken out, so that nobody hides instructions
there. From an agent to GitHub: a text that notifies nobody, closes nothing, commands nothing and loads nothing.
"""

from __future__ import annotations

import re
import unicodedata

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HIDDEN = re.compile(
    r"<(?P<tag>[a-z][a-z0-9]*)\b[^>]*(?:\bhidden\b|display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0)[^>]*>"
    r".*?(?:</(?P=tag)\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTES = re.compile(r"<(/?[a-z][a-z0-9]*)\b[^>]*>", re.IGNORECASE)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK_TITLE = re.compile(r"(\[[^\]]*\]\([^)\s]+)\s+[\"'(][^)]*\)")
_REFERENCE_COMMENT = re.compile(r"^[ ]{0,3}\[(?://|comment|[^\]]*)\]:\s*(?:#|<>)\s*.*$", re.MULTILINE | re.IGNORECASE)
# Characters without any width or with an effect on the order of others; the tags are a whole hidden alphabet.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")

_MENTION = re.compile(r"(?<![\w`])@(?=[A-Za-z0-9])")
_CLOSING = re.compile(
    r"\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(\s*:?\s+)(?=#\d|[\w.-]+/[\w.-]+#\d|https?://)", re.IGNORECASE
)
_REFERENCE = re.compile(r"(?<![\w&`])(?:[\w.-]+/[\w.-]+)?#(?=\d)|(?<![\w`])GH-(?=\d)", re.IGNORECASE)
_COMMAND = re.compile(r"^(\s*(?:[>*+-]\s*|\d+\.\s*)*)/(?=[A-Za-z])", re.MULTILINE)
_TRAILER = re.compile(r"^(\s*)(Co-authored-by|Signed-off-by|Closes|Fixes|Resolves)(\s*):", re.MULTILINE | re.IGNORECASE)
_SKIP = re.compile(r"\[(?=(?:skip ci|ci skip|no ci|skip actions|actions skip)\])|^(?=skip-checks\s*:)",
                   re.IGNORECASE | re.MULTILINE)  # fmt: skip
_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_AUTOLINK = re.compile(r"\bwww\.(?=\w)", re.IGNORECASE)
WORD_JOINER = "\u2060"


def visible(text: str) -> str:
    """What a reader on GitHub sees of a text, as plain Markdown."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    text = _INVISIBLE.sub("", _CONTROL.sub("", text))
    for pattern in (_COMMENT, _HIDDEN, _REFERENCE_COMMENT):
        text = pattern.sub("", text)
    text = _IMAGE.sub("[image]", text)
    text = _LINK_TITLE.sub(r"\1)", text)
    # A tag's attributes are not shown either.
    return _ATTRIBUTES.sub(r"<\1>", text).strip()


def rendered(text: str, most: int) -> str:
    """An agent's text as it may stand on GitHub.

    Code spans and blocks would hide what is in them from these rules only on the page, not from GitHub's search for
    commands and mentions, so all of the text is treated the same.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    text = _INVISIBLE.sub("", _CONTROL.sub("", text))
    text = _HTML.sub("&lt;", text)
    text = text.replace("![", "!\\[")
    text = _CLOSING.sub(lambda found: found[1] + found[2] + WORD_JOINER, text)
    text = _REFERENCE.sub(lambda found: found[0] + WORD_JOINER, text)
    text = _MENTION.sub("@" + WORD_JOINER, text)
    text = _COMMAND.sub(r"\1" + WORD_JOINER + "/", text)
    text = _TRAILER.sub(r"\1\2" + WORD_JOINER + r"\3:", text)
    text = _SKIP.sub(lambda found: found[0] + WORD_JOINER, text)
    text = _AUTOLINK.sub("www" + WORD_JOINER + ".", text)
    return text if len(text) <= most else text[: most - 1] + "…"


def title(text: str, most: int = 200) -> str:
    """An agent's text as one line."""
    return rendered(" ".join(text.split()), most)
