"""One paper, one file. Nothing here imports training, records or papers."""
