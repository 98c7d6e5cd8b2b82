"""The house can be read from the street: no crowded folder, no crumb and no giant of a file, no circle, no secret door.

The limits stand in the table below. What does not keep them yet is named in ``NOT_YET``, which may only shrink: a
new offender fails, and so does a line there that offends no more.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# ── The limits ────────────────────────────────────────────────────────────────────────────────────────────────────────
PARTS = (
    "function_app",
    "functions_host",
    "local_stack",
    "local_agent",
    "sql_migrations",
    "database_connection",
    "infra",
)
MOST_ENTRIES = 14  # that a folder shows, hidden ones and __pycache__ apart
SHORTEST, LONGEST = 25, 400  # lines of a source file, blank ones included
SOURCE = (
    ".py",
    ".js",
    ".mjs",
    ".cjs",
    ".css",
    ".html",
    ".bicep",
)  # the rest is data: SQL that has shipped, locks, XML
MAY_BE_SHORT = {
    "__init__.py", "__main__.py",
    "local_agent/submit.py",  # what spark-submit is given: an entry, as __main__ is
    "local_agent/streaming/worker_daemon.py",  # what Spark starts by its name: an entry too
    "infra/app/events.bicep", "infra/app/identity.bicep",  # a Bicep module is what has a file of its own
}  # fmt: skip
# Who imports whom. A part that starts another as a process, or talks to it over HTTP, files or tables, imports nothing.
ARROWS = (
    "function_app.py -> function_app",  # the file by which Azure's worker finds the app
    "pipeline.py -> local_stack",
    "function_app -> database_connection",  # both must name, find and sign in to a database alike (ADR 14)
    "sql_migrations -> database_connection",
    "infra -> sql_migrations",  # the hook that makes the app's database user connects as the migrations do
)

# ── What does not keep them yet ───────────────────────────────────────────────────────────────────────────────────────
NOT_YET: frozenset[str] = frozenset()


@dataclass(frozen=True)
class House:
    """The source files below a root, and who imports whom: module -> modules, by dotted names."""

    root: Path
    parts: tuple[str, ...]

    def folders(self) -> Iterator[Path]:
        """Every folder of every part."""
        for part in self.parts:
            top = self.root / part
            yield from (folder for folder in [top, *top.rglob("*")] if folder.is_dir() and _shown(folder))

    def sources(self) -> Iterator[Path]:
        """Every source file of every part."""
        for folder in self.folders():
            yield from (path for path in sorted(folder.iterdir()) if path.suffix in SOURCE)

    def name(self, path: Path) -> str:
        """The path as it is written."""
        return path.relative_to(self.root).as_posix()

    def imports(self) -> dict[str, set[str]]:
        """Module -> what it imports of the house, anywhere but under TYPE_CHECKING: a late circle is a circle."""
        modules = {
            _dotted(path.relative_to(self.root)): path for path in self.sources() if path.suffix == ".py"
        }
        modules |= {path.name: path for path in self.root.glob("*.py")}
        return {
            module: {
                known
                for name in _imported(path)
                if (known := _module_of(name, path, modules)) not in ("", module)
            }
            for module, path in modules.items()
        }


def crowded(house: House) -> dict[str, str]:
    """Folder -> how many entries it shows, where that is too many."""
    shown = {house.name(folder): sum(map(_shown, folder.iterdir())) for folder in house.folders()}
    return {
        f"too many entries: {name}": f"{n} > {MOST_ENTRIES}" for name, n in shown.items() if n > MOST_ENTRIES
    }


def too_short(house: House) -> dict[str, str]:
    """Source file -> its lines, where they are too few."""
    counted = [path for path in house.sources() if not {path.name, house.name(path)} & MAY_BE_SHORT]
    lines = {house.name(path): _lines(path) for path in counted}
    return {f"too short: {name}": f"{n} < {SHORTEST} lines" for name, n in lines.items() if n < SHORTEST}


def too_long(house: House) -> dict[str, str]:
    """Source file -> its lines, where they are too many."""
    lines = {house.name(path): _lines(path) for path in house.sources()}
    return {f"too long: {name}": f"{n} > {LONGEST} lines" for name, n in lines.items() if n > LONGEST}


def circles_of_modules(house: House) -> dict[str, str]:
    """Modules that import each other, directly or over others."""
    return {
        f"circle: {' <-> '.join(circle)}": "they import each other" for circle in _circles(house.imports())
    }


def circles_of_rooms(house: House) -> dict[str, str]:
    """Rooms of one folder, and modules beside them, that import each other; and the imports that do it."""
    imports, found = house.imports(), {}
    packages = {
        module.rpartition(".")[0] for module in imports if "." in module and not module.endswith(".py")
    }
    for package in sorted(packages):
        neighbours: dict[str, set[str]] = defaultdict(set)
        doors: dict[tuple[str, str], list[str]] = defaultdict(list)
        for module, targets in imports.items():
            for target in targets:
                here, there = _neighbour(module, package), _neighbour(target, package)
                if here and there and here != there:
                    neighbours[here].add(there)
                    doors[here, there].append(f"{module} -> {target}")
        for circle in _circles(neighbours):
            if not any(module.startswith(f"{room}.") for room in circle for module in imports):
                continue  # modules alone: the rule above names them
            inside = [door for pair, all_ in doors.items() if set(pair) <= set(circle) for door in all_]
            found[f"circle of rooms: {' <-> '.join(circle)}"] = "; ".join(sorted(inside))
    return found


def secret_doors(house: House) -> dict[str, str]:
    """Arrows between top-level parts that are not named, and named ones that nobody draws."""
    drawn: dict[str, list[str]] = defaultdict(list)
    for module, targets in house.imports().items():
        for target in targets:
            here, there = _part(module), _part(target)
            if here != there:
                drawn[f"{here} -> {there}"].append(f"{module} -> {target}")
    unnamed = {f"arrow: {arrow}": "; ".join(drawn[arrow]) for arrow in drawn.keys() - set(ARROWS)}
    return unnamed | {
        f"arrow that nobody draws: {a}": "take it out of ARROWS" for a in ARROWS if a not in drawn
    }


RULES = (crowded, too_short, too_long, circles_of_modules, circles_of_rooms, secret_doors)


@pytest.fixture(scope="module")
def house() -> House:
    """This checkout."""
    return House(ROOT, PARTS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house_keeps_the_rule(rule, house: House) -> None:
    offenders = {name: why for name, why in rule(house).items() if name not in NOT_YET}
    assert not offenders, "\n".join(f"{name} ({why})" for name, why in sorted(offenders.items()))


def test_list_of_what_is_not_yet_done_only_shrinks(house: House) -> None:
    offending = {name for rule in RULES for name in rule(house)}
    done = sorted(NOT_YET - offending)
    assert not done, f"it keeps the rule now: take it out of NOT_YET: {done}"


def test_each_rule_finds_what_it_is_there_for(tmp_path: Path) -> None:
    room, other = tmp_path / "function_app" / "room", tmp_path / "function_app" / "other"
    for folder in (room, other, tmp_path / "infra"):
        folder.mkdir(parents=True)
    for number in range(MOST_ENTRIES + 1):
        (other / f"file{number}.txt").write_text("data")
    (room / "__init__.py").write_text("")
    (room / "crumb.py").write_text("def late() -> None:\n    import function_app.other.giant\n")
    (other / "giant.py").write_text("from function_app.room import crumb\n" + "\n" * LONGEST)
    (tmp_path / "infra" / "hook.py").write_text(
        "from function_app.room.crumb import late\nimport rest\n" + "\n" * SHORTEST
    )
    (tmp_path / "infra" / "rest.py").write_text("from hook import late\n" + "\n" * SHORTEST)
    (tmp_path / "pipeline.py").write_text("")

    found = {name for rule in RULES for name in rule(House(tmp_path, ("function_app", "infra")))}

    assert found == {
        "too many entries: function_app/other", "too short: function_app/room/crumb.py",
        "too long: function_app/other/giant.py", "circle: function_app.other.giant <-> function_app.room.crumb",
        "circle: infra.hook <-> infra.rest",
        "circle of rooms: function_app.other <-> function_app.room", "arrow: infra -> function_app",
        *(f"arrow that nobody draws: {arrow}" for arrow in ARROWS),
    }  # fmt: skip


def test_import_for_the_type_checker_alone_is_no_arrow(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "function_app").mkdir()
    (tmp_path / "function_app" / "__init__.py").write_text("")
    (tmp_path / "infra" / "hook.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import function_app\n"
    )
    assert "arrow: infra -> function_app" not in secret_doors(House(tmp_path, ("function_app", "infra")))


def _shown(path: Path) -> bool:
    """Whether a folder shows it. What git left of a folder that has moved, empty but for caches, is no entry."""
    if path.is_dir() and not any(map(_shown, path.iterdir())):
        return False
    return not path.name.startswith(".") and "__pycache__" not in path.parts


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports; of ``from a import b`` both are tried: ``a.b`` may be a module."""
    waiting: list[ast.AST] = [ast.parse(path.read_bytes())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def _module_of(name: str, importer: Path, modules: dict[str, Path]) -> str:
    """The module of the house that a dotted name leads to; empty for everybody else's.

    A folder without ``__init__.py`` holds scripts, which find their neighbours by their bare names.
    """
    while name and name not in modules:
        neighbour = importer.with_name(f"{name}.py")
        if (
            "." not in name
            and not importer.with_name("__init__.py").exists()
            and neighbour in modules.values()
        ):
            return next(module for module, path in modules.items() if path == neighbour)
        name = name.rpartition(".")[0]
    return name


def _part(module: str) -> str:
    return module if module.endswith(".py") else module.partition(".")[0]


def _neighbour(module: str, package: str) -> str:
    """The direct child of the package that the module is in, or is; empty if it is not inside."""
    inside = module.removeprefix(f"{package}.")
    return f"{package}.{inside.partition('.')[0]}" if inside != module else ""


def _circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Groups whose members all reach each other (strongly connected components of more than one)."""
    reached = {start: _reachable(start, arrows) for start in arrows}
    groups = {
        frozenset({start, *(end for end in ends if start in reached.get(end, ()))})
        for start, ends in reached.items()
    }
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _reachable(start: str, arrows: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for following in arrows.get(waiting.pop(), set()) - seen:
            seen.add(following)
            waiting.append(following)
    return seen
