"""Counts to prometheus_client's metrics and their text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from mlcli.serving.exposition_drift import DriftExposition
from mlcli.serving.metrics import ROWS, SECONDS, Metrics, Spread

if TYPE_CHECKING:
    from mlcli.serving.served import Served

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Media type of the text."""


class _BulkHistogram(Histogram):
    """A histogram to which many values are added at once."""

    def add(self, spread: Spread) -> None:
        counts, total = spread.take()
        # As prometheus_client's own observe() adds, which takes one value a call.
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        if total:
            self._sum.inc(total)


class Exposition:
    """The metrics under their names.

    Parameters
    ----------
    shared : bool
        Whether several workers share a folder; prometheus_client then adds up
        the files that are in it. Process metrics are left out: they would be those
        of whichever worker answers.
    """

    def __init__(self, *, shared: bool) -> None:
        self._shared = shared
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "mlcli_requests", "Requests answered.", ("route", "method", "status"), registry=registry
        )
        self._seconds = _BulkHistogram(
            "mlcli_request_duration_seconds",
            "Time from a request's first byte to its answer.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self._batches = _BulkHistogram(
            "mlcli_batch_rows", "Rows that were predicted together.", buckets=ROWS, registry=registry
        )
        self._waiting = Gauge(
            "mlcli_queue_depth",
            "Requests that wait for their prediction.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._rejected = Counter(
            "mlcli_rejected", "Requests that were turned away without a prediction.", ("reason",), registry=registry
        )
        self._rows = Counter("mlcli_rows_predicted", "Rows predicted.", registry=registry)
        self._unseen = Counter(
            "mlcli_unseen", "Rows with a category that training never saw.", ("column",), registry=registry
        )
        self._out_of_range = Counter(
            "mlcli_out_of_range", "Rows with a value outside the training range.", ("column",), registry=registry
        )
        self._info = Gauge(
            "mlcli_model_info",
            "1 for the model in service.",
            ("name", "version", "model", "digest", "compiled"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._served: Served | None = None
        self._drift = DriftExposition(registry, shared=shared)
        if not shared:
            ProcessCollector(registry=registry)

    def take(self, metrics: Metrics) -> None:
        """Move what was counted since the last call into the metrics."""
        for tally in metrics.tallies.values():
            answers, tally.answers = tally.answers, {}
            for (method, status), count in answers.items():
                self._requests.labels(tally.route, method, str(status)).inc(count)
            if answers:
                self._seconds.labels(tally.route).add(tally.seconds)
        self._batches.add(metrics.batches)
        self._rows.inc(metrics.n_rows)
        metrics.n_rows = 0
        self._waiting.set(metrics.n_waiting)
        for counter, counts in (
            (self._rejected, metrics.rejected),
            (self._unseen, metrics.unseen),
            (self._out_of_range, metrics.out_of_range),
        ):
            _add(counter, counts)
            counts.clear()
        self._name_model(metrics.served)
        self._drift.take(metrics.watch)

    def text(self) -> bytes:
        """Return the metrics, of all workers together, in Prometheus' text form."""
        if not self._shared:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        registry.register(self._drift.summed())
        return generate_latest(registry)

    def _name_model(self, served: Served | None) -> None:
        if served is self._served:
            return
        # A former model stays, with 0: files that workers share know no removal.
        for model, value in ((self._served, 0), (served, 1)):
            if model is not None:
                self._info.labels(
                    model.name,
                    model.version,
                    model.manifest.model,
                    model.manifest.digest,
                    str(model.predictor.compiled).lower(),
                ).set(value)
        self._served = served


def _add(counter: Counter, counts: Mapping[str, int]) -> None:
    for label, count in counts.items():
        counter.labels(label).inc(count)
