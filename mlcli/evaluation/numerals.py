"""Numbers as people read them."""

from __future__ import annotations


def format_number(value: float | None, *, digits: int = 4) -> str:
    """Write a number with `digits` significant digits, without an exponent where it can be read.

    Parameters
    ----------
    value : float, optional
        Any finite number; None is undefined and becomes a dash.
    digits : int, default=4
        Significant digits; whole thousands keep them all.

    Returns
    -------
    str
        Such as ``0.7125``, ``12.50``, ``15,321`` or ``3.2e-07``.
    """
    if value is None:
        return "–"
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-4:
        return f"{value:.{max(digits - 2, 1)}e}"
    whole = len(str(int(size))) if size >= 1 else 0
    places = max(digits - whole, 0)
    return f"{value:,.{places}f}"


def format_value(value: float) -> str:
    """Write a value of a column: six digits, and no comma in a year."""
    return f"{value:,.6g}" if abs(value) >= 10_000 else f"{value:.6g}"


def tell_apart(value: float, bound: float) -> tuple[str, str]:
    """Write a value so that it does not read like the bound it misses, and the bound in full.

    Parameters
    ----------
    value, bound : float
        Two different numbers.

    Returns
    -------
    tuple of str
        The value, with as many digits as it takes, and the bound.
    """
    bound_text = f"{bound:g}" if float(f"{bound:g}") == bound else repr(bound)
    for digits in range(3, 17):
        text = f"{value:.{digits}g}"
        if float(text) != bound:
            return text, bound_text
    return repr(value), bound_text
