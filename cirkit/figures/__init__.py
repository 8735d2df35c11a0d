"""Figures: from evidence to what a page shows, in one house style."""
