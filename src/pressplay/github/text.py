"""Texts across the border, in both directions. Pure.

From GitHub to a model: what a person who looks at the page does not see is taken out, so that nobody hides instructions
there. From an agent to GitHub: a text that notifies nobody, closes nothing, commands nothing and loads nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"<(/?[a-z][a-z0-9]*)\b([^>]*)>", re.IGNORECASE)
_HIDING = re.compile(r"\bhidden\b|display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0", re.IGNORECASE)
# Nothing that is left to match stands behind the last parenthesis, so each match ends at one.
_LINK_TITLE = re.compile(r"(\]\([^()\s]+)\s+[\"'(][^)]*\)")
_REFERENCE_COMMENT = re.compile(
    r"^[ ]{0,3}\[(?:[^\[\]\\]|\\.){0,999}\]:\s*(?:#|<>)\s*.*$", re.MULTILINE | re.IGNORECASE
)
# Characters without any width or with an effect on the order of others; the tags are a whole hidden alphabet.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")

_MENTION = re.compile(r"(?<![\w`])@(?=[A-Za-z0-9])")
_CLOSING = re.compile(
    r"\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(\s*:\s+|\s+)(?=#\d|[\w.-]+/[\w.-]+#\d|https?://)", re.IGNORECASE
)
_REFERENCE = re.compile(r"(?<![&`])#(?=\d)|(?<![\w`])GH-(?=\d)", re.IGNORECASE)
_COMMAND = re.compile(r"^([^\S\n]*(?:[>*+-][^\S\n]*|\d+\.[^\S\n]*)*)/(?=[A-Za-z])", re.MULTILINE)
_TRAILER = re.compile(
    r"^([^\S\n]*)(Co-authored-by|Signed-off-by|Closes|Fixes|Resolves)([^\S\n]*):", re.MULTILINE | re.IGNORECASE
)
_SKIP = re.compile(r"\[(?=(?:skip ci|ci skip|no ci|skip actions|actions skip)\])|^(?=skip-checks\s*:)",
                   re.IGNORECASE | re.MULTILINE)  # fmt: skip
_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_AUTOLINK = re.compile(r"\bwww\.(?=\w)", re.IGNORECASE)
WORD_JOINER = "\u2060"


def visible(text: str) -> str:
    """What a reader on GitHub sees of a text, as plain Markdown."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    text = _INVISIBLE.sub("", _CONTROL.sub("", text))
    text = _COMMENT.sub("", text)
    text = _REFERENCE_COMMENT.sub("", _without_hidden(text))
    text = _up_to_last(")", lambda part: _LINK_TITLE.sub(r"\1)", part), _without_images(text))
    # A tag's attributes are not shown either.
    return _up_to_last(">", lambda part: _TAG.sub(r"<\1>", part), text).strip()


def _up_to_last(end: str, change: Callable[[str], str], text: str) -> str:
    """Change what stands before the last of a character: behind it, each beginning would look for one in vain."""
    length = text.rfind(end) + 1
    return change(text[:length]) + text[length:]


def _without_hidden(text: str) -> str:
    """Without elements that are not shown, each up to its end or, where it has none, to that of the text."""
    told, at = [], 0
    last = text.rfind(">") + 1
    while (tag := _TAG.search(text, at, last)) is not None:
        told.append(text[at : tag.start()])
        at = tag.end()
        if tag[1].startswith("/") or not _HIDING.search(tag[2]):
            told.append(tag[0])
            continue
        ended = re.compile(rf"</{tag[1]}\s*>", re.IGNORECASE).search(text, at)
        at = len(text) if ended is None else ended.end()
    return "".join([*told, text[at:]])


def _without_images(text: str) -> str:
    """With a word in the place of each image; what is told instead of it is not shown."""
    told, at, closed = [], 0, -1
    start = text.find("![")
    while start != -1:
        closed = closed if closed >= start + 2 else text.find("]", start + 2)
        end = text.find(")", closed + 2) if closed != -1 and text.startswith("(", closed + 1) else -2
        if closed == -1 or end == -1:
            break
        if end != -2:
            told += [text[at:start], "[image]"]
            at = end + 1
        start = text.find("![", max(at, start + 1))
    return "".join([*told, text[at:]])


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
