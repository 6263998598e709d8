"""Contributions beside the predictions of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from mlcli.data.frames import columns_from_frame
from mlcli.data.typed import TypedColumns
from mlcli.inference.explain import Explained

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from mlcli.data.predictions import Predictions
    from mlcli.inference.explain import Explainer

_NUMBERS = 1 << 20
"""Contributions that are worked out at once: for every class, where one is kept."""

_EXACT_ROWS = 4096
_SAMPLED_ROWS = 16
"""Rows that are predicted and explained between two signs of progress."""


class ExplainedTable:
    """Adds contributions to tables of predictions.

    Parameters
    ----------
    explainer : Explainer
        Of the model that predicts.
    form : {"columns", "object"}
        Columns of their own, or one column of JSON objects.
    top : int, optional
        Contributions of each row that are told, the largest first in an
        object; the others' sum stands beside them. Left out: all.
    """

    def __init__(self, explainer: Explainer, *, form: Literal["columns", "object"], top: int | None = None) -> None:
        self._explainer = explainer
        self._form = form
        n_columns = len(explainer.predictor.schema.columns)
        self._top = None if top is None or top >= n_columns else top

    def parts(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield tables in smaller parts, so that memory stays bounded and progress is seen."""
        n_rows = _SAMPLED_ROWS if self._explainer.n_background else _EXACT_ROWS
        for table in tables:
            # A table without rows still tells the columns.
            for start in range(0, max(1, table.num_rows), n_rows):
                yield table.slice(start, n_rows)

    def beside(self, table: pa.Table, X: pd.DataFrame, predictions: Predictions) -> pa.Table:
        """Return `table` with the contributions to its predictions behind them.

        Parameters
        ----------
        table : Table
            Predictions, see `mlcli.inference.stream.predictions_table`.
        X : DataFrame of shape (n_rows, n_columns)
            The typed rows.
        predictions : Predictions
            What the model says of them; of classes the predicted one is explained.
        """
        columns = columns_from_frame(X, self._explainer.predictor.schema)
        explained = self._explain(columns, self._explainer.predicted(predictions.y_pred))
        taken = set(table.column_names)
        for name, values in self._columns(explained):
            while name in taken:
                name += "_"  # noqa: PLW2901 - as other columns of the output are named where the input has such a one
            taken.add(name)
            table = table.append_column(name, values)
        return table

    def _explain(self, columns: TypedColumns, outputs: NDArray[np.intp]) -> Explained:
        import numpy as np

        schema = self._explainer.predictor.schema
        step = max(1, _NUMBERS // (len(schema.columns) * len(schema.target.classes or (0,))))
        found = []
        for start in range(0, max(1, columns.n_rows), step):
            part = TypedColumns(
                tuple(cells[start : start + step] for cells in columns.columns), min(step, columns.n_rows - start)
            )
            found.append(self._explainer.explain(part).chosen(outputs[start : start + step]))
        errors = [each.errors for each in found if each.errors is not None]
        return Explained(
            np.concatenate([each.base for each in found]),
            np.concatenate([each.contributions for each in found]),
            np.concatenate(errors) if errors else None,
        )

    def _columns(self, explained: Explained) -> Iterator[tuple[str, Any]]:
        import pyarrow as pa

        if self._form == "object":
            texts = pa.array(list(self._objects(explained)), pa.large_string())
            yield "explanation", pa.ExtensionArray.from_storage(pa.json_(pa.large_string()), texts)
            return
        yield "explain_base", pa.array(explained.base)
        kept = self._kept(explained.contributions)
        for j, name in enumerate(self._explainer.predictor.schema.names):
            hidden = None if kept is None else ~kept[:, j]
            yield f"explain_{name}", pa.array(explained.contributions[:, j].copy(), mask=hidden)
        if kept is not None:
            yield "explain_others", pa.array((explained.contributions * ~kept).sum(axis=1))
        if explained.errors is not None:
            yield "explain_error", pa.array(explained.errors.max(axis=1, initial=0.0))

    def _objects(self, explained: Explained) -> Iterator[str]:
        """Yield one JSON object a row, its columns from the largest contribution down."""
        import msgspec
        import numpy as np

        encode = msgspec.json.Encoder().encode
        names = self._explainer.predictor.schema.names
        order = np.argsort(-np.abs(explained.contributions), axis=1, kind="stable")
        for i, (base, row) in enumerate(zip(explained.base.tolist(), explained.contributions, strict=True)):
            told = order[i, : self._top]
            found: dict[str, Any] = {
                "method": self._explainer.method,
                "scale": self._explainer.scale,
                "base": base,
                "contributions": {names[j]: float(row[j]) for j in told},
            }
            if self._top is not None:
                found["others"] = float(row[order[i, self._top :]].sum())
            if explained.errors is not None:
                found["errors"] = {names[j]: float(explained.errors[i, j]) for j in told}
            yield encode(found).decode()

    def _kept(self, contributions: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """Return which contributions are among the largest of their row; None for all."""
        import numpy as np

        if self._top is None:
            return None
        order = np.argsort(-np.abs(contributions), axis=1, kind="stable")
        kept = np.zeros(contributions.shape, dtype=np.bool_)
        np.put_along_axis(kept, order[:, : self._top], values=True, axis=1)
        return kept
