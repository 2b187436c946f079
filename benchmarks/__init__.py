"""Measurements, each a script: ``python -m benchmarks.<name> [--quick]``. No test asserts a time."""
