"""Pixels and strings to tokens and vectors; preprocessing lives here."""
