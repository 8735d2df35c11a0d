"""Procedural worlds: exact scenes, pictures and sentences, published in the official formats."""
