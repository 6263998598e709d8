"""One file that holds a model and is safe to open."""
