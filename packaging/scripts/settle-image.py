"""Takes out of an image what buildah lets differ between two builds of the same.

    python3 settle-image.py FOLDER

The folder is what skopeo's `dir:` writes of a manifest list in Docker's format. What differs: the
names of containers and images that existed during the build, and the order in which platforms were
finished.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Rewrites configurations, manifests and their list; layers stay."""
    listed = json.loads((folder / "manifest.json").read_bytes())
    for entry in listed["manifests"]:
        old = folder / f"{hexadecimal(entry)}.manifest.json"
        manifest = json.loads(old.read_bytes())
        old.unlink()
        configuration = folder / hexadecimal(manifest["config"])
        settled = settle(json.loads(configuration.read_bytes()))
        configuration.unlink()
        (folder / describe(settled, manifest["config"])).write_bytes(settled)
        text = json.dumps(manifest).encode()
        (folder / f"{describe(text, entry)}.manifest.json").write_bytes(text)
    listed["manifests"].sort(key=lambda entry: entry["platform"]["architecture"])
    (folder / "manifest.json").write_text(json.dumps(listed))


def settle(configuration: dict[str, Any]) -> bytes:
    """What an image is configured with, without what it was built in."""
    for name in ("container", "container_config", "parent"):
        configuration.pop(name, None)
    configuration["config"].pop("Hostname", None)
    for step in configuration["history"]:
        step.pop("comment", None)
    return json.dumps(configuration).encode()


def describe(content: bytes, descriptor: dict[str, Any]) -> str:
    """Makes a descriptor one of `content`; gives its hash."""
    digest = hashlib.sha256(content).hexdigest()
    descriptor.update(digest=f"sha256:{digest}", size=len(content))
    return digest


def hexadecimal(descriptor: dict[str, Any]) -> str:
    """The hash in a descriptor, which is the file's name."""
    return str(descriptor["digest"]).removeprefix("sha256:")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
