"""Cell texts that may mean missing, found so that a person can decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.data.arrays import number_values
from mlcli.data.cells import Missing
from mlcli.data.dates import ASKED_FOR, FORMS, parse_date, parse_dates
from mlcli.data.profile import ColumnProfile, profile_column

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SPELLINGS = frozenset({"?", "n/a", "#n/a", "null", "(null)", "<null>", "nan", "<na>", "\\n", "#value!", "#div/0!"})
"""Texts, lower case, that stand for missing wherever they occur; None, NA and Unknown may be real categories."""

WORDS = SPELLINGS | {"na", "n.a.", "none", "nil", "unknown", "missing", "not available"}
"""Texts, lower case, that stand for missing where all the others are numbers or dates."""

MOST_TOKENS = 3
"""Distinct odd texts up to which a column of numbers is one with tokens rather than a mixture."""

MANY_NUMBERS = 10
"""Distinct numbers from which any word among them looks odd; fewer may be levels such as 1, 2, 3, crew."""


@dataclass(frozen=True)
class OddTokens:
    """The few texts in a column that is otherwise numbers or dates.

    Parameters
    ----------
    counts : dict of str to int
        Rows of each text, most frequent first.
    others : str
        What the other cells are, ``"numbers"`` or ``"dates"``.
    """

    counts: dict[str, int]
    others: str

    @property
    def reason(self) -> str:
        """What was seen and what to set, for people."""
        seen = ", ".join(f"{token!r} in {n} {'row' if n == 1 else 'rows'}" for token, n in self.counts.items())
        return f"{self.others} except {seen}: add data.missing_values: [{', '.join(map(_in_yaml, self.counts))}]"


def _in_yaml(token: str) -> str:
    plain = token.isalpha() and token.lower() not in {"null", "true", "false"}
    return token if plain else "'" + token.replace("'", "''") + "'"


def odd_tokens(profile: ColumnProfile) -> OddTokens | None:
    """Return the few texts that keep a column from being numbers or dates, if it is such a column.

    Parameters
    ----------
    profile : ColumnProfile
        A column of texts.
    """
    import numpy as np
    import pyarrow as pa

    if profile.native != "text" or profile.numbers is not None or profile.n_distinct < 4:
        return None
    few = min(MOST_TOKENS, profile.n_distinct // 2)
    for others, odd in _odd_ones(profile):
        if not 1 <= np.count_nonzero(odd) <= few:
            continue
        tokens = profile.texts.filter(pa.array(odd)).to_pylist()
        if not all(_may_mean_missing(token, n_others=profile.n_distinct - len(tokens)) for token in tokens):
            continue
        pairs = sorted(zip(tokens, profile.counts[odd].tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
        return OddTokens(dict(pairs), others)
    return None


def _odd_ones(profile: ColumnProfile) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield which texts are no numbers, then which are no dates of each likely form."""
    import numpy as np

    judged = number_values(profile.texts, Missing())
    yield "numbers", np.zeros(0, dtype=bool) if judged.bad is None else judged.bad
    first = profile.texts.slice(0, MOST_TOKENS + 1).to_pylist()
    for form in FORMS:
        if form not in ASKED_FOR and any(parse_date(text, form=form) is not None for text in first):
            yield "dates", np.isnat(parse_dates(profile.texts, form=form))


def _may_mean_missing(token: str, *, n_others: int) -> bool:
    """Tell whether a text among numbers may mean missing; ``3+`` and ``>100`` do not."""
    if any(character.isdigit() for character in token):
        return False
    return n_others >= MANY_NUMBERS or token.lower() in WORDS or not any(c.isalpha() for c in token)


def suspect_tokens(table: pa.Table) -> dict[str, dict[str, int]]:
    """Find the cell texts that may mean missing, by column.

    Suspected are the few texts in a column that is otherwise numbers or dates,
    and spellings such as ``?`` and ``N/A`` in any column of texts.

    Parameters
    ----------
    table : Table
        Raw rows.

    Returns
    -------
    dict of str to dict of str to int
        Rows of each suspected text, by column; columns without one are left out.
    """
    found = {}
    for name in table.column_names:
        profile = profile_column(table[name], Missing(), name=name)
        if profile.native != "text":
            continue
        odd = odd_tokens(profile)
        counts = dict(odd.counts) if odd else {}
        for text, n in zip(profile.texts.to_pylist(), profile.counts.tolist(), strict=True):
            if text.lower() in SPELLINGS and profile.numbers is None:
                counts.setdefault(text, n)
        if counts:
            found[name] = counts
    return found
