"""Facts about one raw column, from which its kind is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.data.arrays import flat, is_plain, number_values, text_values
from mlcli.data.cells import Missing
from mlcli.data.dates import ASKED_FOR, FORMS, parse_date, parse_dates
from mlcli.data.schema import Storage

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SAMPLE = 2000
"""Distinct texts whose words and scripts are counted."""

# Scripts that put no space between words.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"


@dataclass(frozen=True)
class ColumnProfile:
    """What stands in one column, without a judgement.

    Parameters
    ----------
    name : str
        Name in the file's header.
    type_name : str
        Arrow's name of the cells' type.
    native : Storage, optional
        What the file says the cells are; None for nested values.
    n_rows, n_missing, n_distinct : int
        Cells, missing cells, distinct values.
    texts : Array of large_string
        The distinct values as text; empty for native numbers.
    counts : ndarray of shape (n_texts,)
        Cells of each text.
    numbers : ndarray, optional
        The distinct values when every one is a number.
    leading_zeros : bool
        Whether some whole number is written with a leading zero, as codes are.
    """

    name: str
    type_name: str
    native: Storage | None
    n_rows: int
    n_missing: int
    n_distinct: int
    texts: pa.Array
    counts: NDArray[np.int64]
    numbers: NDArray[np.float64] | None = None
    leading_zeros: bool = False

    @property
    def n_present(self) -> int:
        """Cells that are not missing."""
        return self.n_rows - self.n_missing

    @property
    def whole(self) -> bool:
        """Whether every value is a whole number, written as a number is."""
        import numpy as np

        return (
            self.numbers is not None and not self.leading_zeros and bool(np.all(self.numbers == np.floor(self.numbers)))
        )

    def lowered(self) -> set[str] | None:
        """Return the distinct texts in lower case when there are but a few (8), else None."""
        return {text.lower() for text in self.texts.to_pylist()} if len(self.texts) <= 8 else None


def profile_column(column: pa.ChunkedArray, missing: Missing, *, name: str = "") -> ColumnProfile:
    """Count what stands in one raw column.

    Parameters
    ----------
    column : ChunkedArray
        Raw cells of any arrow type.
    missing : Missing
        Which texts mean missing.
    name : str, optional
        Name in the file's header.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = pa.array([], pa.large_string())
    if not is_plain(column.type):
        nothing = np.zeros(0, dtype=np.int64)
        return ColumnProfile(name, str(column.type), None, len(column), column.null_count, 0, empty, nothing)
    array = flat(column)
    native = _native(array.type)
    if native == "number":
        numbers = number_values(array, missing).cells
        n_missing = int(np.count_nonzero(np.isnan(numbers)))
        distinct = np.unique(numbers[~np.isnan(numbers)])
        n_distinct = len(distinct)
        if pa.types.is_integer(array.type) and not missing.numbers:
            n_distinct = pc.count_distinct(array).as_py()  # float64 runs whole numbers above 2**53 together
        counts = np.zeros(0, dtype=np.int64)
        return ColumnProfile(
            name, str(array.type), native, len(array), n_missing, n_distinct, empty, counts, numbers=distinct
        )
    return _profile_texts(text_values(array, missing).cells, missing, native=native, name=name, kind=str(array.type))


def _native(kind: pa.DataType) -> Storage:
    import pyarrow.types as pt

    if pt.is_boolean(kind):
        return "boolean"
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        return "number"
    return "date" if pt.is_date(kind) or pt.is_timestamp(kind) else "text"


def _profile_texts(texts: pa.Array, missing: Missing, *, native: Storage, name: str, kind: str) -> ColumnProfile:
    """Profile cells that have been made texts."""
    import numpy as np
    import pyarrow.compute as pc

    counted = pc.value_counts(texts.drop_null())
    values, counts = counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False)
    n_missing, n_distinct = texts.null_count, len(values)
    numbers, leading_zeros = None, False
    if native == "text" and (typed := number_values(values, missing)).bad is None:
        absent = typed.missing()
        if not absent.all():
            numbers = np.unique(typed.cells[~absent])
            n_missing += int(counts[absent].sum())
            n_distinct = len(numbers)
            leading_zeros = bool(pc.any(pc.match_substring_regex(values, "^[+-]?0[0-9]+$")).as_py())
            if leading_zeros:
                n_distinct = int(np.count_nonzero(~absent))
    return ColumnProfile(
        name, kind, native, len(texts), n_missing, n_distinct, values, counts, numbers, leading_zeros=leading_zeros
    )


@dataclass(frozen=True)
class TextShape:
    """How the distinct texts of a column look.

    Parameters
    ----------
    words : float
        Mean words in a text; in scripts without spaces two characters count as one.
    length : float
        Mean characters in a text.
    one_word : bool
        Whether no text has a space in it and none is in a script without spaces.
    spaced : bool
        Whether words are separated by spaces.
    """

    words: float
    length: float
    one_word: bool
    spaced: bool


def text_shape(texts: pa.Array) -> TextShape:
    """Measure distinct texts, at most `SAMPLE` of them, evenly taken.

    Parameters
    ----------
    texts : Array of large_string
        Distinct texts without nulls, at least one.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    step = -(-len(texts) // SAMPLE)
    sample = texts.take(pa.array(np.arange(0, len(texts), step)))
    lengths = pc.utf8_length(sample).to_numpy(zero_copy_only=False)
    unspaced = pc.count_substring_regex(sample, pattern=_UNSPACED).to_numpy(zero_copy_only=False)
    gaps = pc.count_substring_regex(sample, pattern=r"\S\s+").to_numpy(zero_copy_only=False)
    return TextShape(
        words=float(np.mean(1 + gaps + unspaced / 2)),
        length=float(np.mean(lengths)),
        one_word=not gaps.any() and not unspaced.any(),
        spaced=bool(unspaced.sum() <= 0.3 * lengths.sum()),
    )


def date_forms(texts: pa.Array, *, asked: bool) -> list[str]:
    """Return the forms of dates that every text has, plain ISO first.

    Parameters
    ----------
    texts : Array of large_string
        Distinct texts without nulls.
    asked : bool
        Whether a config says that they are dates, so that forms count which look like other things.
    """
    import numpy as np

    first = texts.slice(0, 20).to_pylist()
    forms = [form for form in FORMS if asked or form not in ASKED_FOR]
    likely = [form for form in forms if all(parse_date(text, form=form) is not None for text in first)]
    return [form for form in likely if first and not np.isnat(parse_dates(texts, form=form)).any()]


def likeliest_form(texts: pa.Array) -> str:
    """Return the form of dates that the most texts have, ISO when none has any.

    Parameters
    ----------
    texts : Array of large_string
        Distinct texts without nulls.
    """
    import numpy as np

    # max keeps the first of equals, and the first is ISO.
    return max(FORMS, key=lambda form: int(np.count_nonzero(~np.isnat(parse_dates(texts, form=form)))))
