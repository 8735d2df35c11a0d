"""Evaluators: evidence from a model, and measures of it."""
