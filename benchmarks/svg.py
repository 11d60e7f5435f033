"""Write an SVG picture: rectangles, lines, circles and text, in colours that can be read on white and on black.

GitHub shows a picture on the page's own background, and a picture cannot know which that is.
"""

from collections.abc import Sequence
from html import escape
from typing import Final, Literal

INK: Final = "#76818d"  # contrast of 4 to 1 to GitHub's white and to its black
FAINT: Final = "#76818d55"
ACCENT: Final = "#d1771a"
OTHER: Final = "#6b8cb0"

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


class Drawing:
    """A picture of a width and a height, in pixels."""

    def __init__(self, width: int, height: int, title: str) -> None:
        size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        font = 'font-family="system-ui, sans-serif" font-size="12"'
        begin = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>'
        self._elements = [begin, f"<title>{escape(title)}</title>"]

    def text(self, at: Point, text: str, anchor: Anchor = "start", *, bold: bool = False) -> None:
        """Write text whose base line is at a point."""
        weight = ' font-weight="600"' if bold else ""
        self._add(f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" fill="{INK}"{weight}>{escape(text)}</text>')

    def rectangle(self, corner: Point, width: float, height: float, colour: str) -> None:
        """Fill a rectangle."""
        x, y = corner
        self._add(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" fill="{colour}"/>')

    def line(self, points: Sequence[Point], colour: str, width: float = 1) -> None:
        """Draw a line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._add(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>')

    def dot(self, at: Point, colour: str) -> None:
        """Draw a small disc."""
        self._add(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="3" fill="{colour}"/>')

    def _add(self, element: str) -> None:
        self._elements.append(element)

    def __str__(self) -> str:
        return "\n".join([*self._elements, "</svg>", ""])
