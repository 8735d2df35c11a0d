"""Timing: ours beside a plain or released reference, in one process."""
