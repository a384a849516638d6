"""Tables that print as text and show as HTML in a notebook."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Sequence


class Table(ABC):
    """A title, a header, and rows of text: the first column to the left, the others to the right."""

    title: str

    @abstractmethod
    def _lines(self) -> tuple[Sequence[str], list[Sequence[str]], Sequence[str]]:
        """Return the header, the rows, and the last line."""

    def __str__(self) -> str:
        header, body, total = self._lines()
        rows = [header, *body, total]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in rows
        ]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
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
