"""Column kinds to scikit-learn transformers."""
