"""A chart as SVG: text that can be selected, colours that follow light, dark and print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlcli.evaluation.report.axes import Axis
from mlcli.evaluation.report.markup import Child, Markup, details, el, isolated, shorten

WIDTH = 420
"""Width of a chart in its own units; its text can still be read on a phone."""

SERIES = 5
"""Series that colour and dashes tell apart; see the style sheet."""


@dataclass
class Chart:
    """Axes, and what is drawn between them.

    Parameters
    ----------
    x, y : Axis
        The axes; `y` points up.
    height : float, default=280
        Height of the whole.
    left : float, default=52
        Room for the labels of `y`.
    grid : str, default="xy"
        Which ticks get a line through the chart.
    """

    x: Axis
    y: Axis
    height: float = 280
    left: float = 52
    grid: str = "xy"
    top: float = 24
    right: float = 14
    bottom: float = 44
    _marks: list[Markup] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies."""
        across = WIDTH - self.left - self.right
        up = self.height - self.top - self.bottom
        return self.left + across * self.x.share(x), self.height - self.bottom - up * self.y.share(y)

    def line(self, xs: Sequence[float], ys: Sequence[float], *, series: int = 0, class_: str = "line") -> None:
        """Draw a line through points."""
        if len(xs) > 1:
            self._marks.append(el("path", d=self._path(xs, ys), class_=f"{class_} s{series % SERIES}"))

    def band(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], *, series: int = 0) -> None:
        """Fill what lies between two lines."""
        if len(xs) > 1:
            there = self._path(xs, low)
            back = self._path(xs[::-1], high[::-1]).replace("M", "L")
            self._marks.append(el("path", d=f"{there}{back}Z", class_=f"band s{series % SERIES}"))

    def dots(self, xs: Sequence[float], ys: Sequence[float], *, series: int = 0, class_: str = "dots") -> None:
        """Draw points; one path holds them all, so that a thousand take little room."""
        places = (self.at(x, y) for x, y in zip(xs, ys, strict=True))
        path = "".join(f"M{_n(x)} {_n(y)}h0" for x, y in places)
        self._marks.append(el("path", d=path, class_=f"{class_} s{series % SERIES}"))

    def shapes(self, xs: Sequence[float], ys: Sequence[float], *, series: int) -> None:
        """Draw points whose shape tells the series as well as its colour does."""
        for x, y in zip(xs, ys, strict=True):
            left, top = self.at(x, y)
            self._marks.append(_shape(left, top, series))

    def whiskers(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float]) -> None:
        """Draw an upright interval at each x."""
        parts = []
        for x, least, most in zip(xs, low, high, strict=True):
            (at, bottom), (_, top) = self.at(x, least), self.at(x, most)
            parts.append(f"M{_n(at)} {_n(bottom)}V{_n(top)}")
        self._marks.append(el("path", d="".join(parts), class_="whisker ink"))

    def level_whiskers(self, ys: Sequence[float], low: Sequence[float], high: Sequence[float]) -> None:
        """Draw a level interval at each y."""
        parts = []
        for y, least, most in zip(ys, low, high, strict=True):
            (left, at), (right, _) = self.at(least, y), self.at(most, y)
            parts.append(f"M{_n(left)} {_n(at)}H{_n(right)}")
        self._marks.append(el("path", d="".join(parts), class_="whisker ink"))

    def box(self, x: tuple[float, float], y: tuple[float, float], *, series: int = 0, title: str = "") -> None:
        """Fill a box; `title` is said when it is pointed at."""
        (left, bottom), (right, top) = self.at(x[0], y[0]), self.at(x[1], y[1])
        if left > right:
            left, right = right, left
        self._marks.append(
            el(
                "rect",
                el("title", title) if title else None,
                x=left,
                y=min(top, bottom),
                width=max(right - left, 0.5),
                height=max(abs(bottom - top), 0.5),
                class_=f"box s{series % SERIES}",
            )
        )

    def rule(self, start: tuple[float, float], end: tuple[float, float], *, class_: str = "rule") -> None:
        """Draw a straight line for reference."""
        (x1, y1), (x2, y2) = self.at(*start), self.at(*end)
        self._marks.append(el("path", d=f"M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}", class_=class_))

    def text(self, x: float, y: float, label: str, *, anchor: str = "start", dx: float = 0, dy: float = 0) -> None:
        """Write a few words beside a point."""
        left, top = self.at(x, y)
        self._marks.append(el("text", label, x=left + dx, y=top + dy, text_anchor=anchor, class_="label"))

    def _path(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        places = [self.at(x, y) for x, y in zip(xs, ys, strict=True)]
        return "".join(f"{'L' if i else 'M'}{_n(x)} {_n(y)}" for i, (x, y) in enumerate(places))

    def svg(self, description: str) -> Markup:
        """Return the drawing; `description` is what a screen reader says of it."""
        return el(
            "svg",
            el("title", description),
            el("g", self._axis_lines(), class_="axis"),
            el("g", self._marks),
            el("g", self._labels(), class_="ticks"),
            viewBox=f"0 0 {WIDTH} {_n(self.height)}",
            role="img",
        )

    def _axis_lines(self) -> list[Markup]:
        found = []
        if "x" in self.grid:
            for tick in self.x.ticks:
                (x, bottom), (_, top) = self.at(tick.value, self.y.low), self.at(tick.value, self.y.high)
                found.append(el("path", d=f"M{_n(x)} {_n(bottom)}V{_n(top)}"))
        if "y" in self.grid:
            for tick in self.y.ticks:
                (left, y), (right, _) = self.at(self.x.low, tick.value), self.at(self.x.high, tick.value)
                found.append(el("path", d=f"M{_n(left)} {_n(y)}H{_n(right)}"))
        return found

    def _labels(self) -> list[Markup]:
        found = []
        for tick in self.x.ticks:
            x, y = self.at(tick.value, self.y.low)
            found.append(el("text", tick.label, x=x, y=y + 15, text_anchor="middle"))
        for tick in self.y.ticks:
            x, y = self.at(self.x.low, tick.value)
            found.append(_label(tick.label, x=x - 7, y=y + 4, room=self.left - 10))
        middle = self.left + (WIDTH - self.left - self.right) / 2
        if self.x.title:
            found.append(el("text", self.x.title, x=middle, y=self.height - 8, text_anchor="middle", class_="title"))
        if self.y.title:
            # Above its axis and level: turned by a quarter it would be hard to read, and stand on long labels.
            found.append(el("text", self.y.title, x=4, y=11, class_="title"))
        return found


_CHARACTER = 7.2
"""Width of a character of a chart's text, in its units."""


def room_for(labels: Sequence[str], *, most: float) -> float:
    """Return how much room the labels of `y` need, at most `most`."""
    longest = max((len(label) for label in labels), default=0)
    return min(most, max(52.0, longest * _CHARACTER + 12))


def _label(text: str, *, x: float, y: float, room: float) -> Markup:
    """Write the label of a tick of y, cut to the room there is; pointed at, it says the rest."""
    short = shorten(text, max(int(room / _CHARACTER), 4))
    whole = el("title", text) if short != text else None
    return el("text", whole, isolated(short), x=x, y=y, text_anchor="end")


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def figure(
    title: Child, svg: Markup, *, numbers: Markup | None = None, about: Child = None, key: Child = None
) -> Markup:
    """Return a chart with its title, a sentence on how to read it, and its numbers folded away below."""
    return el(
        "figure",
        el("figcaption", el("h3", title), el("p", about) if about else None),
        key,
        svg,
        details("Numbers", numbers) if numbers else None,
    )


_SHAPES = (
    "M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z",
    "M{x} {y}m-4-4h8v8h-8Z",
    "M{x} {y}m0-5l5 9h-10Z",
    "M{x} {y}m0-5.5l5.5 5.5l-5.5 5.5l-5.5-5.5Z",
    "M{x} {y}m-5-2h3v-3h4v3h3v4h-3v3h-4v-3h-3Z",
)
"""A circle, a square, a triangle, a diamond and a cross, one for each series."""


def _shape(x: float, y: float, series: int) -> Markup:
    at = series % SERIES
    return el("path", d=_SHAPES[at].format(x=_n(x), y=_n(y)), class_=f"shape s{at}")


def legend(labels: Sequence[str], *, shapes: bool = False) -> Markup:
    """Return what tells the series of a chart apart: a piece of each line, or its shape, with its name."""

    def sample(series: int) -> Markup:
        line = el("path", d="M0 6H26", class_=f"line s{series % SERIES}")
        return el("svg", _shape(13, 6, series) if shapes else line, viewBox="0 0 26 12", aria_hidden="true")

    return el(
        "ul",
        (el("li", sample(series), el("bdi", label)) for series, label in enumerate(labels)),
        class_="legend",
    )
