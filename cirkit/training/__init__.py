"""Training: one loop, and what it is given."""
