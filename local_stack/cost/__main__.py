"""``python -m local_stack.cost [PAGE]``: write the made tables of docs/cost.md anew."""

from __future__ import annotations

import sys
from pathlib import Path

from local_stack.cost.page import renewed
from local_stack.cost.prices import read_prices

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cost.md"


def main(arguments: list[str]) -> int:
    """Renew the page; exit code 0."""
    page = Path(arguments[0]) if arguments else PAGE
    page.write_text(renewed(page.read_text(encoding="utf-8"), read_prices()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
