"""The catalogue: scikit-learn's estimators by name, and our own."""
