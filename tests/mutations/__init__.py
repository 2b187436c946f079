"""Each protection taken away, once, in a copy: the test that docs/faults.md names for its fault must notice."""
