"""From a table to an evaluated model, by one YAML file and no code."""

__version__ = "0.1.0"
