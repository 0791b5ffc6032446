"""Parses PowerShell scripts, from files or standard input: `check-powershell-syntax.py [FILE…]`.

A stand-in where no PowerShell runs: it proves that scripts are well-formed, not what they do.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

# Each must be found, or this check would pass whatever it is given.
BROKEN = (
    b"function Broken() {\n  if ($x) {\n    'open'\n}\n",
    b"$x = @{ 'a' = 1\n",
    b'Write-Output "never closed\n',
)


def mistakes(node: Node) -> Iterator[str]:
    """Where the parser did not understand, as `line: text`."""
    if node.type == "ERROR" or node.is_missing:
        text = (node.text or b"").decode(errors="replace").split("\n")[0]
        what = f"`{node.type}` is missing" if node.is_missing else f"unexpected `{text[:60]}`"
        yield f"{node.start_point[0] + 1}: {what}"
    for child in node.children:
        yield from mistakes(child)


def main() -> int:
    """Checks the check, then the scripts."""
    parser = Parser(Language(tree_sitter_powershell.language()))
    for script in BROKEN:
        if not any(mistakes(parser.parse(script).root_node)):
            sys.stderr.write(f"error: the parser accepts a broken script: {script!r}\n")
            return 1
    if sys.argv[1:]:
        scripts = [(name, Path(name).read_bytes()) for name in sys.argv[1:]]
    else:
        scripts = [("standard input", sys.stdin.buffer.read())]
    found = 0
    for name, script in scripts:
        if not script.strip():
            sys.stderr.write(f"error: {name} is empty\n")
            found += 1
        for mistake in mistakes(parser.parse(script).root_node):
            sys.stderr.write(f"{name}:{mistake}\n")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
