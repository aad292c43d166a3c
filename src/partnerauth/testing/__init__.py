"""What others test their own parts with; it needs pytest, and nothing else in the package loads it."""
