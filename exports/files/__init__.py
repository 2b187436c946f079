"""Bytes: receiving, the archive gate, storage and conversion. Knows no model, no task queue and no settings."""
