"""Tables that print as text and show as HTML in a notebook."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return ``rows`` as lines of text in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    ]


class Table(ABC):
    """A title, a header, rows of text, and a last line such as a total."""

    title: str

    @abstractmethod
    def _lines(self) -> tuple[Sequence[str], list[Sequence[str]], Sequence[str]]:
        """Return the header, the rows, and the last line."""

    def __str__(self) -> str:
        header, body, total = self._lines()
        lines = aligned([header, *body, total])
        rule = "-" * max(map(len, lines))
        return "\n".join([self.title, rule, lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            first, *others = (html.escape(cell) for cell in cells)
            right = "".join(f'<{tag} style="text-align: right">{cell}</{tag}>' for cell in others)
            return f'<tr><{tag} style="text-align: left">{first}</{tag}>{right}</tr>'

        header, body, total = self._lines()
        return (
            f"<table><caption>{html.escape(self.title)}</caption>"
            f"<thead>{line(header, 'th')}</thead>"
            f"<tbody>{''.join(line(cells, 'td') for cells in body)}</tbody>"
            f"<tfoot>{line(total, 'th')}</tfoot></table>"
        )
