"""The verbs: one module each. A command parses, calls a flow and prints."""
