"""Measurements on a phone: which restarts RAM survives, kept with its profile as evidence."""
