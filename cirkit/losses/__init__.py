"""Losses: scores in, a scalar out."""
