"""Whatever a comment, a docstring or a page refers to is in the repository: a section, a decision, a file, a test.

A rule that cannot be followed to its reason is a rule that nobody dares to change. So a comment gives its reason
itself or names something that a reader can open; documents of a desk, a chat or a ticket are neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from references import (
    CONTRACT,
    ROOT,
    broken_links,
    cited_without_being_here,
    files,
    missing_decisions,
    missing_dotted_names,
    missing_files_of_a_comment,
    missing_headings,
    missing_modules,
    missing_paths,
    missing_sections,
    missing_tests,
    pages,
    prose_of,
    sections_cited,
    text_of,
)


def nothing_dangles(found: Iterable[tuple[Path, list[str]]]) -> None:
    told = [f"{path.relative_to(ROOT)}: {fault}" for path, faults in found for fault in faults]
    assert not told, "\n" + "\n".join(told)


def all_prose() -> Iterator[tuple[Path, str]]:
    return ((path, text) for path in files() for text in prose_of(path))


# -- the promises -------------------------------------------------------------------------------------------


def test_every_section_of_the_contract_that_is_cited_has_its_anchor():
    contract = text_of(CONTRACT)
    assert sum(len(sections_cited(text)) for _, text in all_prose()) > 60
    nothing_dangles((path, missing_sections(text, contract)) for path, text in all_prose())


def test_every_decision_that_is_cited_is_recorded():
    nothing_dangles((path, missing_decisions(text)) for path, text in all_prose())


def test_nothing_cites_a_document_that_is_not_in_the_repository():
    nothing_dangles((path, cited_without_being_here(path, text)) for path, text in all_prose())


def test_every_link_of_a_page_leads_to_a_file_and_a_heading():
    assert len(pages()) > 25
    nothing_dangles((page, broken_links(page, text_of(page))) for page in pages())


def test_every_test_that_a_page_names_exists():
    nothing_dangles((page, missing_tests(text_of(page))) for page in pages())


def test_every_file_and_module_that_a_page_names_exists():
    nothing_dangles((page, missing_paths(text_of(page), foreign=page == CONTRACT)) for page in pages())
    nothing_dangles((page, missing_modules(text_of(page))) for page in pages())


def test_every_file_and_module_that_a_comment_names_exists():
    comments = [(path, text) for path, text in all_prose() if path.suffix != ".md"]
    nothing_dangles((path, missing_files_of_a_comment(text)) for path, text in comments)
    nothing_dangles((path, missing_modules(text)) for path, text in comments)
    nothing_dangles((path, missing_dotted_names(text)) for path, text in all_prose())


def test_every_heading_that_is_quoted_stands_on_its_page():
    nothing_dangles((path, missing_headings(text)) for path, text in all_prose())


A_PAGE, A_TEST = CONTRACT, Path(__file__)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (
            lambda text: missing_sections(text, text_of(CONTRACT)),
            "As the real host does (contract C1 step 5, B99).",
        ),
        (
            lambda text: missing_sections(text, text_of(CONTRACT)),
            "Source: contract,\n    section H7 (rules).",
        ),
        (missing_decisions, "ADR 9999 says why"),
        (missing_decisions, "see docs/adr/9999"),
        (lambda text: cited_without_being_here(A_PAGE, text), "A named error (issue 3 of 7)."),
        (lambda text: cited_without_being_here(A_PAGE, text), "Decided for issue 12."),
        (lambda text: cited_without_being_here(A_PAGE, text), "Babelfish ignores hints (sql-facts)."),
        (lambda text: cited_without_being_here(A_PAGE, text), "1 MiB (reliability.md section 1)"),
        (lambda text: cited_without_being_here(A_PAGE, text), "the walk is in design.md"),
        (lambda text: cited_without_being_here(A_PAGE, text), "see docs/nothing.md"),
        (
            lambda text: cited_without_being_here(A_TEST, text),
            "kill -9 of uploader and host (rows 1 and 2).",
        ),
        (lambda text: broken_links(A_PAGE, text), "[x](nothing.md)"),
        (lambda text: broken_links(A_PAGE, text), "[x](engine.md#nothing)"),
        (lambda text: broken_links(A_PAGE, text), "[x](#z9)"),
        (missing_tests, "| kill -9 | `test_that_nobody_wrote` |"),
        (missing_paths, "`functions_host/durable/nothing.py`"),
        (missing_paths, "`tests/nothing`"),
        (missing_paths, "`durable/engine.py`"),
        (missing_modules, "python3 -m function_app.nothing"),
        (missing_dotted_names, "see functions_host.durable.nothing for it"),
        (missing_dotted_names, "see functions_host.durable.engine.Nothing for it"),
        (missing_headings, 'docs/deploy.md, "A heading that nobody wrote".'),
        (missing_files_of_a_comment, "as infra/nothing.bicep has it"),
    ],
)
def test_a_dangling_reference_of_each_kind_is_found(check, text):
    assert check(text) != []
