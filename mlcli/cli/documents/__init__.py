"""What ``--json`` prints: one class for each document, and the JSON Schema of each."""
