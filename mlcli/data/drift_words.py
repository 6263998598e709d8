"""What changed most in a column, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.data.drift_tests import index_beyond_chance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlcli.data.observed import Counted

_CLEAR = 0.1
"""Shift of a mean, in standard deviations of training, from which the mean tells what changed."""

_LONGEST = 24
"""Characters of a level's name that are shown."""


def what_changed(counted: Counted) -> str:
    """Return the greatest change of a column, such as ``mean 35.2 -> 41.0``."""
    import numpy as np

    reference = (counted.reference + 0.5) / (counted.reference.sum() + 0.5 * len(counted.reference))
    new = (counted.counts + 0.5) / (counted.counts.sum() + 0.5 * len(counted.counts))
    terms: NDArray[np.float64] = (new - reference) * np.log(new / reference)
    shares = [counts / max(1, counts.sum()) for counts in (counted.reference, counted.counts)]
    if _gaps_tell_more(counted):
        return f"missing {_pair(shares, -1)}"
    if counted.bins is None:
        if not counted.counts[-2]:
            terms[-2] = -np.inf
        at = int(np.argmax(terms[:-1]))
        if at == len(terms) - 2:
            return f"unseen levels {_pair(shares, at)}"
        return f"{_short(counted.levels[at])} {_pair(shares, at)}"
    return _numbers_changed(counted, terms, shares)


def _gaps_tell_more(counted: Counted) -> bool:
    """Return whether being missing has changed more than the values that are there."""
    import numpy as np

    reference, new = counted.grouped()
    gaps = [np.array([counts[:-1].sum(), counts[-1]]) for counts in (reference, new)]
    return index_beyond_chance(*gaps) > index_beyond_chance(reference[:-1], new[:-1])


def _numbers_changed(counted: Counted, terms: NDArray[np.float64], shares: list[NDArray[np.float64]]) -> str:
    import numpy as np

    bins = counted.bins
    assert bins is not None, "asked for numbers only"
    if bins.mean is None or counted.mean is None:
        return f"missing {_pair(shares, -1)}"
    if counted.kind == "boolean":
        return f"true {_pair(shares, 1)}"
    what = "mean length" if counted.kind == "text" else "mean"
    shift = abs(counted.mean - bins.mean)
    if counted.kind == "date" or shift >= _CLEAR * (bins.deviation or 0.0) or not bins.edges:
        before, now = _shown_means(counted, bins.mean, counted.mean)
        return f"{what} {before} -> {now}"
    at = int(np.argmax(terms[:-2]))
    if at == 0:
        place = f"up to {_figure(bins.edges[0])}"
    elif at == len(bins.edges):
        place = f"above {_figure(bins.edges[-1])}"
    else:
        place = f"{_figure(bins.edges[at - 1])} to {_figure(bins.edges[at])}"
    return f"{'length ' if counted.kind == 'text' else ''}{place}: {_pair(shares, at)}"


def _shown_means(counted: Counted, before: float, now: float) -> tuple[str, str]:
    if counted.kind != "date":
        return _figure(before), _figure(now)
    import numpy as np

    days = np.array([before, now]).astype("datetime64[us]").astype("datetime64[D]")
    return str(days[0]), str(days[1])


def _figure(number: float) -> str:
    """Return a number with four digits; large whole parts are kept."""
    return f"{number:,.0f}" if 10_000 <= abs(number) < 1e9 else f"{number:.4g}"


def _pair(shares: list[NDArray[np.float64]], at: int) -> str:
    return " -> ".join(_per_cent(float(share[at])) for share in shares)


def _per_cent(share: float) -> str:
    points = 100 * share
    return f"{points:.0f} %" if points >= 10 or not points else f"{points:.2g} %"


def _short(level: str) -> str:
    return repr(level if len(level) <= _LONGEST else f"{level[: _LONGEST - 1]}…")
