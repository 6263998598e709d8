"""From a config to a fitted, evaluated, stored run."""
