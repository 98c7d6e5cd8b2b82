"""Reads infra/**/*.bicep into resources. Bicep's compiler is not on PyPI or npm; its grammar (tree-sitter) is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_bicep

INFRA = Path(__file__).resolve().parents[3] / "infra"
_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))


@dataclass(frozen=True)
class Resource:
    """One resource that is made (not an ``existing`` one)."""

    file: str
    symbol: str
    type: str
    comment: str  # the comment line above, or that of the file for its first resource
    text: str
    body: tree_sitter.Node

    def value(self, path: str) -> str | None:
        """Source text of a property, for example ``properties.allowSharedKeyAccess``; None if absent."""
        node: tree_sitter.Node | None = self.body
        for key in path.split("."):
            node = property_of(node, key) if node is not None else None
        return source(node) if node is not None else None


@dataclass(frozen=True)
class BicepFile:
    """One parsed file."""

    path: Path
    root: tree_sitter.Node
    resources: list[Resource]
    parameters: list[str]
    outputs: list[str]
    text: str
    variables: dict[str, tree_sitter.Node] = field(repr=False)

    @property
    def name(self) -> str:
        return self.path.name


def source(node: tree_sitter.Node) -> str:
    assert node.text is not None
    return node.text.decode()


def walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def keys_of(node: tree_sitter.Node) -> list[str]:
    """The keys of the outermost object in a node."""
    found = next(child for child in walk(node) if child.type == "object")
    return [
        source(p.named_children[0]).strip("'") for p in found.named_children if p.type == "object_property"
    ]


def property_of(node: tree_sitter.Node, key: str) -> tree_sitter.Node | None:
    if node.type != "object":
        return None
    for child in node.named_children:
        if child.type == "object_property" and source(child.named_children[0]).strip("'") == key:
            return child.named_children[-1]
    return None


def read(path: Path) -> BicepFile:
    text = path.read_text(encoding="utf-8")
    root = _PARSER.parse(text.encode()).root_node
    tops = root.named_children
    return BicepFile(
        path, root,
        [_resource(path, tops, i) for i, top in enumerate(tops) if _is_made(top)],
        [_identifier(top) for top in tops if top.type == "parameter_declaration"],
        [_identifier(top) for top in tops if top.type == "output_declaration"],
        text,
        {_identifier(top): top.named_children[-1] for top in tops if top.type == "variable_declaration"},
    )  # fmt: skip


def _is_made(node: tree_sitter.Node) -> bool:
    return node.type == "resource_declaration" and not any(
        child.type == "existing" for child in node.children
    )


def _identifier(node: tree_sitter.Node) -> str:
    return source(next(child for child in node.named_children if child.type == "identifier"))


def _resource(path: Path, tops: list[tree_sitter.Node], index: int) -> Resource:
    node = tops[index]
    lines: list[str] = []
    while index > 0 and tops[index - 1].type == "comment":
        index -= 1
        lines.insert(0, source(tops[index]))
    comment = "\n".join(lines)
    if not comment and not any(_is_made(top) for top in tops[:index]):
        comment = next((source(top) for top in tops if top.type == "comment"), "")
    type_and_version = source(next(child for child in node.named_children if child.type == "string"))
    body = next(child for child in walk(node.named_children[-1]) if child.type == "object")
    return Resource(
        path.name,
        _identifier(node),
        type_and_version.strip("'").partition("@")[0],
        comment,
        source(node),
        body,
    )


@pytest.fixture(scope="session")
def bicep() -> dict[str, BicepFile]:
    """Every Bicep file by its name."""
    return {path.name: read(path) for path in sorted(INFRA.rglob("*.bicep"))}
