"""What training saw of each column, measured on its typed cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.data.arrays import TypedArray
from mlcli.data.cells import canonical_number
from mlcli.data.kinds import KindChoice
from mlcli.data.profile import text_shape
from mlcli.data.schema import Column, DateRange, NumberRange, TextLength

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Quantiles that `NumberRange` keeps."""

EXAMPLE_LENGTH = 80
"""Characters of a text that a schema keeps as its example."""


def describe_column(typed: TypedArray, choice: KindChoice, *, name: str) -> Column:
    """Measure one column of the training rows.

    Parameters
    ----------
    typed : TypedArray
        Its typed cells, none of them bad.
    choice : KindChoice
        What it is taken for; its kind is not None.
    name : str
        Name in the file's header.
    """
    assert choice.kind is not None
    absent = typed.missing()
    column = Column(
        name=name,
        kind=choice.kind,
        storage=choice.storage,
        reason=choice.reason,
        n_missing=int(absent.sum()),
        n_distinct=0,
    )
    match choice.kind:
        case "number":
            return _describe_numbers(column, typed.cells[~absent])
        case "boolean":
            return _describe_booleans(column, typed.cells[~absent])
        case "date":
            return _describe_dates(column, typed.cells[~absent], form=choice.form)
        case "category":
            return _describe_levels(column, typed.cells.drop_null())
        case "text":
            return _describe_texts(column, typed.cells.drop_null())


def number_range(present: NDArray[np.float64]) -> NumberRange | None:
    """Return the spread of numbers, none of them missing; None when there are none."""
    import numpy as np

    if not len(present):
        return None
    return NumberRange(
        minimum=float(present.min()),
        maximum=float(present.max()),
        quantiles=tuple(float(q) for q in np.quantile(present, QUANTILES)),
        integer=bool(np.all(present == np.floor(present))),
    )


def _describe_numbers(column: Column, present: NDArray[np.float64]) -> Column:
    import msgspec
    import numpy as np

    typical = canonical_number(float(np.quantile(present, 0.5, method="lower"))) if len(present) else None
    return msgspec.structs.replace(
        column, n_distinct=len(np.unique(present)), number=number_range(present), example=typical
    )


def _describe_booleans(column: Column, present: NDArray[np.float64]) -> Column:
    import msgspec
    import numpy as np

    example = None
    if len(present):
        example = "true" if present.mean() >= 0.5 else "false"
    return msgspec.structs.replace(column, n_distinct=len(np.unique(present)), example=example)


def _describe_dates(column: Column, present: NDArray[np.datetime64], *, form: str | None) -> Column:
    import msgspec
    import numpy as np

    if not len(present):
        return column
    ordered = np.sort(present)
    spread = DateRange(minimum=_iso(ordered[0]), maximum=_iso(ordered[-1]), format=form)
    typical = _iso(ordered[(len(ordered) - 1) // 2])
    return msgspec.structs.replace(column, n_distinct=len(np.unique(ordered)), date=spread, example=typical)


def _iso(moment: np.datetime64) -> str:
    """Return a moment as ISO 8601 text, without what is zero at its end."""
    return str(moment).removesuffix(".000000").removesuffix("T00:00:00")


def _describe_levels(column: Column, present: pa.Array) -> Column:
    import msgspec
    import pyarrow.compute as pc

    counted = pc.value_counts(present)
    pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    levels = dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
    return msgspec.structs.replace(column, n_distinct=len(levels), categories=levels, example=next(iter(levels), None))


def _describe_texts(column: Column, present: pa.Array) -> Column:
    import msgspec
    import numpy as np
    import pyarrow.compute as pc

    if not len(present):
        return msgspec.structs.replace(column, text=TextLength(median=0.0, maximum=0, spaced=True))
    distinct = present.unique()
    lengths = pc.utf8_length(present).to_numpy(zero_copy_only=False)
    size = TextLength(median=float(np.median(lengths)), maximum=int(lengths.max()), spaced=text_shape(distinct).spaced)
    middle = int(np.argsort(lengths, kind="stable")[(len(lengths) - 1) // 2])
    example = str(present[middle].as_py())
    if len(example) > EXAMPLE_LENGTH:
        example = f"{example[: EXAMPLE_LENGTH - 1]}…"
    return msgspec.structs.replace(column, n_distinct=len(distinct), text=size, example=example)
