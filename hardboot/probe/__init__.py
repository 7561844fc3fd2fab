"""Measurements on a phone, kept with its profile: which restarts RAM survives, what is overwritten."""
