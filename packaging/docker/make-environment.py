"""Makes the images' Python environment, for any CPU on any other: nothing of it runs here but pip.

    python3 make-environment.py FOLDER REQUIREMENTS WHEELS

Two runs give the same bytes.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path


def main(folder: Path, requirements: Path, wheels: Path) -> None:
    """Fills `folder` with pip and the required packages."""
    venv.create(folder, symlinks=True, with_pip=True)
    (packages,) = folder.glob("lib/python*/site-packages")

    def python(*arguments: str) -> None:
        # What Python compiles by itself has the time inside, and its sets come in any order.
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
        command = [str(folder / "bin" / "python"), "-m", *arguments]
        subprocess.run(command, check=True, cwd=packages, env=environ)  # noqa: S603 -- our own pip

    pip = ("pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir")
    # Who builds on the image gets it with what asks for it.
    python(*pip, "uninstall", "--yes", "setuptools")
    tags = [f"--platform={tag}" for tag in sorted(platforms(wheels))]
    source = ("--no-index", "--find-links", str(wheels), "--only-binary", ":all:", *tags)
    lock = ("--require-hashes", "--requirement", str(requirements))
    python(*pip, "install", "--no-compile", *source, *lock, "--target", str(packages))
    for command in (packages / "bin").iterdir():
        shutil.move(command, folder / "bin" / command.name)
    (packages / "bin").rmdir()
    for cache in [*folder.rglob("__pycache__")]:
        shutil.rmtree(cache)
    # A file system that is read-only, or somebody else's, would have every start compile anew.
    all_but_pip = ("-q", "-x", r"^\./pip/", "--invalidation-mode", "unchecked-hash", ".")
    python("compileall", *all_but_pip)


def platforms(wheels: Path) -> set[str]:
    """The platforms that the wheels are for; all of them were chosen for the image's."""
    tags = {tag for wheel in wheels.glob("*.whl") for tag in wheel.stem.split("-")[-1].split(".")}
    return tags - {"any"}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
