"""YAML text to a frozen `Config`, with the place of every mistake."""
