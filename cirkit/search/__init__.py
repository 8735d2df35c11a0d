"""Search: a user's own photos."""
