"""Experiments: configure, run once, remember, judge."""
