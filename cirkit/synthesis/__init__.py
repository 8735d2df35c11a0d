"""Synthetic triplets: captions, instructions and image pairs, generated and filtered (CompoDiff §4)."""
