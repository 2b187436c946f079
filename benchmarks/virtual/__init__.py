"""Upstream and the engine on a clock that costs nothing; the decisions are the product's own."""
