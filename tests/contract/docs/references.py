"""Reads what comments, docstrings and pages refer to, and says what of it is not there.

Each `missing_...` takes a text and gives the references that lead nowhere, as a reader would be told.
"""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CONTRACT = ROOT / "docs" / "functions-host-contract.md"
HIDDEN_AND_KEPT = {".ci", ".devcontainer", ".github", ".vscode"}
MADE_BY_TOOLS = {"__pycache__", ".venv", "node_modules", "dist", "build", "spark-warehouse"}
WRITTEN = {".md", ".py", ".bicep", ".sql", ".js", ".mjs", ".css", ".html", ".toml", ".yml", ".yaml", ".in"}
WRITTEN_WITHOUT_SUFFIX = {".funcignore", ".gitignore", "run"}
FILE_NAMES_THAT_ARE_ONLY_EXAMPLES = {"docs/a.md"}  # paths that test_funcignore.py sorts

NOT_HERE = (
    (r"\bissues? \d+ of \d+", "an issue is not in the repository: give the reason itself"),
    (r"\((?:see )?issue\b|\bfor issue\b", "an issue is not in the repository: give the reason itself"),
    (r"\b(?:sql|spark|ecosystem|windows)[- ]facts\b", "no such document: give the fact itself"),
    (
        r"\breliability\.md,? \(?(?:row|section)",
        "docs/reliability.md numbers neither rows nor sections: name the fault",
    ),
)
A_NUMBERED_ROW = (
    r"(?:\(|\b)[Rr]ows? \d+(?:,? (?:and|to) \d+|, \d+)*[:),]",
    "no page numbers its rows: name the fault",
)

SECTION = r"[A-H]\d{0,2}[a-z]?\b"
CITED = re.compile(
    rf"\b[Cc]ontract,?\s+(?:sections?\s+)?({SECTION}(?:(?:\s+steps?\s+[\d-]+)?(?:,\s*|\s+and\s+|\s+to\s+){SECTION})*)"
)


def walked(folder: Path = ROOT) -> Iterator[Path]:
    """Every file that people wrote."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in MADE_BY_TOOLS
            and not name.endswith(".egg-info")
            and (not name.startswith(".") or name in HIDDEN_AND_KEPT)
        )
        yield from (Path(here, name) for name in sorted(names))


@cache
def files() -> tuple[Path, ...]:
    """Without those of this folder, which hold references to nothing on purpose."""
    return tuple(path for path in walked() if path.parent != Path(__file__).parent)


@cache
def names_at_the_top() -> frozenset[str]:
    return frozenset(path.relative_to(ROOT).parts[0] for path in files() if path.parent != ROOT)


@cache
def pages() -> tuple[Path, ...]:
    return tuple(path for path in files() if path.suffix == ".md")


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose_of_python(source: str) -> Iterator[str]:
    """Docstrings (of attributes too) and comments; the lines of one comment are one text."""
    for node in ast.walk(ast.parse(source)):
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
    comment: list[str] = []
    last_line = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] > last_line + 1:
                yield " ".join(comment)
                comment = []
            comment.append(token.string.lstrip("# "))
            last_line = token.start[0]
    yield " ".join(comment)


@cache
def prose_of(path: Path) -> tuple[str, ...]:
    """What a file says to its readers; of Python its docstrings and comments, of others everything."""
    if path.suffix == ".py":
        return tuple(text for text in prose_of_python(text_of(path)) if text)
    written = path.suffix in WRITTEN or path.name in WRITTEN_WITHOUT_SUFFIX
    return (text_of(path),) if written else ()


def without_code(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)


def in_backticks(page: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", without_code(page))


def sections_cited(text: str) -> set[str]:
    return {
        section.lower()
        for cited in CITED.findall(text)
        for section in re.findall(SECTION, re.sub(r"steps?\s+[\d-]+", "", cited))
    }


def missing_sections(text: str, contract: str) -> list[str]:
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', contract))
    return [f"contract {section.upper()}" for section in sorted(sections_cited(text) - anchors)]


def missing_decisions(text: str) -> list[str]:
    cited = {
        int(number)
        for number in re.findall(r"\bADR[ -]?(\d+)|\badr/(\d{4})", text)
        for number in number
        if number
    }
    there = {int(path.name[:4]) for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")}
    return [f"ADR {number}" for number in sorted(cited - there)]


def cited_without_being_here(path: Path, text: str) -> list[str]:
    rules = (*NOT_HERE, A_NUMBERED_ROW) if path.suffix == ".py" else NOT_HERE
    found = [f"{match[0]!r}: {remedy}" for pattern, remedy in rules if (match := re.search(pattern, text))]
    for name in re.findall(r"(?<![\w/.*-])(?:[\w.-]+/)*[\w.-]+\.md\b", text):
        if name not in FILE_NAMES_THAT_ARE_ONLY_EXAMPLES and not page_exists(name, path.parent):
            found.append(f"{name}: no such page")
    return found


def page_exists(name: str, beside: Path) -> bool:
    """By its path from the root or from where it is cited, or by its bare name."""
    here = (ROOT / name).exists() or (beside / name).exists()
    return here or ("/" not in name and any(page.name == name for page in pages()))


def slug(heading: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@cache
def anchors_of(page: Path) -> frozenset[str]:
    text = without_code(text_of(page))
    return frozenset(
        {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        | set(re.findall(r'<a id="([^"]+)"></a>', text))
    )


def broken_links(page: Path, text: str) -> list[str]:
    broken = []
    plain = re.sub(r"`[^`\n]*`", "", without_code(text))
    for target in re.findall(r"\]\(([^)\s]+)\)", plain):
        if re.match(r"[a-z]+:", target):
            continue  # another site
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            broken.append(f"{target}: no such file")
        elif anchor and file.suffix == ".md" and anchor not in anchors_of(file):
            broken.append(f"{target}: no such heading")
    return broken


@cache
def names_of_tests() -> frozenset[str]:
    modules = [path for path in files() if path.suffix == ".py" and path.is_relative_to(ROOT / "tests")]
    return frozenset(
        {name for path in modules for name in re.findall(r"def (test_\w+)\(", text_of(path))}
        | {path.stem for path in modules}
    )


def missing_tests(text: str) -> list[str]:
    """A test may be named by its first words, as `-k` takes it."""
    named = {
        match[1] for token in in_backticks(text) if (match := re.fullmatch(r"(test_\w+)(?:\[.*\])?", token))
    }
    return sorted(
        name for name in named if not any(f"{test}_".startswith(f"{name}_") for test in names_of_tests())
    )


def missing_paths(text: str, *, foreign: bool = False) -> list[str]:
    """Paths in backticks, from the root. `foreign`: the page also names files of other repositories."""
    missing = []
    for token in in_backticks(text):
        path = token.rstrip("/").partition("::")[0]
        if not re.fullmatch(r"[\w.*-]+(?:/[\w.*-]+)+", path):
            continue
        if MADE_BY_TOOLS.intersection(path.split("/")):
            continue
        ours = path.split("/")[0] in names_at_the_top()
        if (ours or (path.endswith(".py") and not foreign)) and not any(ROOT.glob(path)):
            missing.append(path)
    return missing


def missing_modules(text: str) -> list[str]:
    """Modules that a command starts (`python -m x.y`), or whose dotted name begins with one of our packages."""
    named = re.findall(r"python3? -m ([\w.]+)", text)
    return sorted(
        {name for name in named if name.split(".")[0] in names_at_the_top() and not is_module(name)}
    )


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def missing_dotted_names(text: str) -> list[str]:
    """`functions_host.durable.x` where there is no such module, nor such a name in `functions_host.durable`."""
    packages = "|".join(name for name in sorted(names_at_the_top()) if (ROOT / name / "__init__.py").exists())
    named = re.findall(rf"(?<![\w/.-])((?:{packages})(?:\.[A-Za-z_]\w*)+)(?![\w(/-])", text)
    return sorted({name for name in named if not (ROOT / name).exists() and not resolves(name)})


def resolves(name: str) -> bool:
    path = ROOT
    for position, part in enumerate(parts := name.split(".")):
        if (path / part).is_dir():
            path = path / part
            continue
        if (path / f"{part}.py").exists():
            inside, path = parts[position + 1 :], path / f"{part}.py"
        else:
            inside, path = parts[position:], path / "__init__.py"
        return not inside or (path.exists() and re.search(rf"\b{inside[0]}\b", text_of(path)) is not None)
    return True


def missing_headings(text: str) -> list[str]:
    """Of `docs/deploy.md, "The package"`."""
    quoted = re.findall(r"((?:docs/)?[\w-]+\.md)[`)]?,? [\"']([A-Z][^\"'\n]+)[\"']", text)
    return [
        f"{page}: no heading {heading!r}"
        for page, heading in quoted
        if (ROOT / page).exists() and slug(heading.rstrip(".,:")) not in anchors_of(ROOT / page)
    ]


def missing_files_of_a_comment(text: str) -> list[str]:
    top = "|".join(sorted(map(re.escape, names_at_the_top())))
    named = re.findall(
        rf"(?<![\w/.-])(?:{top})/[\w./-]*\w\.(?:py|md|sql|bicep|js|json|toml|yml|in|lock)\b", text
    )
    return sorted({name for name in named if not (ROOT / name).exists()} - FILE_NAMES_THAT_ARE_ONLY_EXAMPLES)
