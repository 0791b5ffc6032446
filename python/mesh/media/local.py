"""Media on this machine's disk, for agents that share it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mesh.media.keys import guessed_type, new_key
from mesh.media.settings import DEFAULT_FOLDER, MediaSettings

# Beside a file whose name does not tell its media type. No uploaded name begins with a dot.
TYPE_FILE = ".media-type"


class LocalStore:
    """A folder; only the user who runs the agent can read what is stored."""

    def __init__(self, settings: MediaSettings) -> None:
        self._root = settings.path
        self._prefix = settings.prefix

    def write(self, data: bytes, filename: str, mime_type: str) -> str:
        """Stores the bytes under a new `file://` URI."""
        self.check()
        path = self._root / new_key(self._prefix, filename)
        path.parent.mkdir(mode=0o700, parents=True)
        _write_private(path, data)
        if guessed_type(path.name) != mime_type:
            _write_private(path.parent / TYPE_FILE, mime_type.encode())
        return path.resolve().as_uri()

    def read(self, uri: str) -> tuple[bytes, str]:
        """The bytes of a `file://` URI inside the store, and their media type."""
        path = self._inside(uri)
        data = path.read_bytes()
        try:
            mime_type = (path.parent / TYPE_FILE).read_text()
        except OSError:
            mime_type = guessed_type(path.name)
        return data, mime_type

    def check(self) -> None:
        """Raises `OSError` when nothing can be stored."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Anybody may make a folder of that name in /tmp, and would own what agents put there.
        if self._root == DEFAULT_FOLDER and os.name == "posix":
            found = self._root.lstat()
            if found.st_uid != os.geteuid() or self._root.is_symlink():
                raise PermissionError(
                    f"{self._root} belongs to somebody else; set MCP_MESH_MEDIA_STORAGE_PATH to a "
                    "folder of your own"
                )
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise PermissionError(f"{self._root} cannot be written")

    def _inside(self, uri: str) -> Path:
        parts = urlsplit(uri)
        # After links are followed: what a URI names is what is read.
        path = Path(url2pathname(parts.path)).resolve()
        is_local = parts.netloc in ("", "localhost")
        if not is_local or not path.is_relative_to(self._root.resolve()):
            raise ValueError(f"{uri} is not in this agent's media store, {self._root}")
        if not path.is_file():
            raise FileNotFoundError(f"the media store {self._root} has no {uri}")
        return path


def _write_private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
