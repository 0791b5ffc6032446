"""What `meshctl scaffold` writes in TypeScript and Java is well-formed. Their SDKs cannot be had to
compile it against, so that it runs is unproven."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import tree_sitter_java
import tree_sitter_typescript
import yaml
from mesh_harness import Mesh
from test_scaffold import KINDS, scaffold
from tree_sitter import Language, Parser

PARSERS = {
    ".java": Parser(Language(tree_sitter_java.language())),
    ".ts": Parser(Language(tree_sitter_typescript.language_typescript())),
}
FOR_ALL = {".dockerignore", "Dockerfile", "README.md", "helm-values.yaml"}
FILES = {
    "typescript": FOR_ALL | {"package.json", "tsconfig.json", "src/index.ts"},
    "java": FOR_ALL | {"pom.xml", "src/main/resources/application.yml"},
}


def is_well_formed(path: Path) -> bool:
    """Whether what reads such a file understands it; what is only text is always understood."""
    text = path.read_bytes()
    if parser := PARSERS.get(path.suffix):
        return not parser.parse(text).root_node.has_error
    reader = {
        ".json": json.loads,
        ".xml": ET.fromstring,
        ".yaml": yaml.safe_load,
        ".yml": yaml.safe_load,
    }.get(path.suffix, str)
    try:
        reader(text)
    except (ValueError, ET.ParseError, yaml.YAMLError):
        return False
    return True


@pytest.mark.parametrize("language", FILES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_well_formed(mesh: Mesh, kind: str, language: str) -> None:
    folder = mesh.home / scaffold(mesh, *KINDS[kind], "--lang", language)["folder"]
    written = {path for path in folder.rglob("*") if path.is_file()}
    names = {str(path.relative_to(folder)) for path in written}
    assert names >= FILES[language]
    assert any(path.suffix in PARSERS for path in written)
    assert [path for path in written if not is_well_formed(path)] == []


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("A.java", 'class A { String a() { return "open; } }'),
        ("a.ts", "const a: = 1;"),
        ("a.json", '{"a": }'),
        ("a.xml", "<a><b></a>"),
        ("a.yml", "a: [1"),
    ],
)
def test_a_mistake_is_found(tmp_path: Path, name: str, broken: str) -> None:
    file = tmp_path / name
    file.write_text(broken)
    assert not is_well_formed(file)
