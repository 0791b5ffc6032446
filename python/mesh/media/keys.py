"""Keys of stored media: a folder of its own for each, and in it the name that its author gave."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
import uuid

UNKNOWN_TYPE = "application/octet-stream"
# File systems take 255 bytes, of which a letter may need four.
LONGEST_NAME = 60
_UNUSUAL = re.compile(r"[^\w.+-]+")


def new_key(prefix: str, filename: str) -> str:
    """A key that nobody has or can guess."""
    return f"{prefix}{uuid.uuid4().hex}/{safe_name(filename)}"


def safe_name(filename: str) -> str:
    """What of a name, which a client may have chosen, can be the name of a file anywhere."""
    base = re.split(r"[/\\]", filename)[-1]
    plain = _UNUSUAL.sub("_", unicodedata.normalize("NFC", base)).lstrip(".")
    stem, dot, suffix = plain.rpartition(".")
    if not dot:
        return plain[:LONGEST_NAME] or "file"
    # The suffix says what it is.
    suffix = suffix[: LONGEST_NAME // 2]
    return f"{stem[: LONGEST_NAME - len(suffix) - 1] or 'file'}.{suffix}"


def guessed_type(name: str) -> str:
    """The media type that a file's name tells."""
    return mimetypes.guess_type(name)[0] or UNKNOWN_TYPE
