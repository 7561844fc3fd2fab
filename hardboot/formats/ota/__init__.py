"""Packages that update Android: full OTA payloads, and block-based OTAs."""
