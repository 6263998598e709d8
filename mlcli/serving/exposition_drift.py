"""Rows counted for drift, to prometheus_client's metrics.

An index cannot be summed over workers, counts can: workers that share a
folder leave their counts in it, and whoever is asked makes the index of the sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from mlcli.serving.drift import DriftWatch, shown_index, watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlcli.data.observed import Counted

_COUNTS = "mlcli_drift_counts"
"""Rows by model, column and group, in the files that workers share; never shown."""

_Key = tuple[str, str]
"""Role and name of what is counted: a column may be called as a prediction is."""


class DriftExposition(Collector):
    """The drift of the rows that the model in service has predicted.

    Parameters
    ----------
    registry : CollectorRegistry
        Where it is asked from.
    shared : bool
        Whether several workers share a folder.
    """

    def __init__(self, registry: CollectorRegistry, *, shared: bool) -> None:
        self._watch: DriftWatch | None = None
        self._children: list[tuple[Counted, list[Gauge]]] = []
        self._n_rows = -1
        self._counts: Gauge | None = None
        if shared:
            labels = ("model", "role", "column", "group")
            self._counts = Gauge(_COUNTS, "Rows.", labels, registry=registry, multiprocess_mode="livesum")
        else:
            registry.register(self)

    def take(self, watch: DriftWatch | None) -> None:
        """Take what a watch has counted by now."""
        if watch is not self._watch:
            for _, children in self._children:
                for child in children:
                    child.set(0)  # files that workers share know no removal
            self._watch, self._n_rows = watch, -1
            self._children = [] if watch is None or self._counts is None else list(self._places(watch, self._counts))
        observed = None if watch is None else watch.observed
        if observed is None or observed.n_rows == self._n_rows:
            return
        self._n_rows = observed.n_rows
        for counted, children in self._children:
            for child, n_rows in zip(children, counted.grouped()[1].tolist(), strict=True):
                child.set(n_rows)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this process."""
        observed = None if self._watch is None else self._watch.observed
        if observed is not None:
            counts: dict[_Key, NDArray[np.float64]] = {
                (counted.role, counted.name): counted.grouped()[1] for counted in watched(observed)
            }
            yield from self._families(counts)

    def summed(self) -> Collector:
        """Return what collects the metrics of all workers: this one's in the place of the counts."""
        return _Summed(self)

    def families_of(self, counts: Metric) -> Iterator[Metric]:
        """Yield the metrics of all workers from the counts in their files."""
        if self._watch is None:
            return
        by_key: dict[_Key, dict[int, float]] = defaultdict(dict)
        for sample in counts.samples:
            labels = sample.labels
            if labels["model"] == self._watch.digest:
                by_key[labels["role"], labels["column"]][int(labels["group"])] = sample.value
        yield from self._families(
            {key: np.array([of_group[group] for group in sorted(of_group)]) for key, of_group in by_key.items()}
        )

    @staticmethod
    def _places(watch: DriftWatch, counts: Gauge) -> Iterator[tuple[Counted, list[Gauge]]]:
        for counted in () if watch.observed is None else watched(watch.observed):
            groups = range(len(counted.grouped()[0]))
            yield counted, [counts.labels(watch.digest, counted.role, counted.name, str(group)) for group in groups]

    def _families(self, counts: dict[_Key, NDArray[np.float64]]) -> Iterator[Metric]:
        assert self._watch is not None, "asked for a model in service"
        assert self._watch.observed is not None, "asked for a model that is watched"
        index = GaugeMetricFamily(
            "mlcli_drift_psi",
            "Population stability index of a column against training, beyond chance; 0.1 is notable, 0.25 major.",
            labels=["column"],
        )
        said = GaugeMetricFamily(
            "mlcli_drift_prediction_psi",
            "The same of what the model says, against the rows held out from training.",
            labels=["output"],
        )
        missing = GaugeMetricFamily(
            "mlcli_drift_missing_ratio", "Share of the looked-at rows without a value.", labels=["column"]
        )
        n_rows = 0.0
        for counted in watched(self._watch.observed):
            new = counts.get((counted.role, counted.name))
            if new is None or not new.sum():
                continue
            n_rows = max(n_rows, float(new.sum()))
            psi = shown_index(counted, new)
            if counted.role == "column":
                missing.add_metric([counted.name], float(new[-1] / new.sum()))
            if psi is not None:
                (index if counted.role == "column" else said).add_metric([counted.name], psi)
        yield GaugeMetricFamily("mlcli_drift_rows", "Rows that were looked at, the latest.", value=n_rows)
        yield from (index, said, missing)


class _Summed(Collector):
    """The files that workers share, with the drift of all of them for the counts in it."""

    def __init__(self, drift: DriftExposition) -> None:
        self._drift = drift
        self._files = MultiProcessCollector(None)  # type: ignore[no-untyped-call]  # prometheus_client leaves it so

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of all workers."""
        for family in self._files.collect():  # type: ignore[no-untyped-call]  # likewise
            if family.name == _COUNTS:
                yield from self._drift.families_of(family)
            else:
                yield family
