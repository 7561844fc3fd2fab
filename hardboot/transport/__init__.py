"""How bytes and commands reach a phone."""
