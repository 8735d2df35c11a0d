"""One reader per benchmark: official files in, Benchmark or Triplets out."""
