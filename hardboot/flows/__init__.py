"""What the verbs do, step by step, on one phone."""
