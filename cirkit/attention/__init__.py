"""Attention: alignment scores, blocks, positions."""
