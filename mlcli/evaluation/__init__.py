"""Metrics with intervals, gates and the comparison with a dummy."""
