"""cirkit: five papers on composed image retrieval and attention, reproduced table by table.

A model is three verbs (encode, compose, score). A loss sees a score matrix. A run leaves ranks.
A claim turns ranks into a verdict. A page shows verdicts. Every arrow is one small file:

worlds -> benchmarks -> query -> encoders -> attention -> models -> losses -> train -> evaluate -> measures
       -> records -> claims -> show -> papers -> notebooks and book

Axis letters, one meaning each: b batch · q queries · n gallery items · i, j attending, attended ·
t text tokens · p patches or regions · h heads (with w: pixel rows, columns) · d width · s seeds.
"""

__version__ = "0.1.0"
