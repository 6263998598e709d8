"""The page on which people try the model, and the reader of its API."""
