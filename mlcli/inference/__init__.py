"""Fitted pipeline to predictions."""
