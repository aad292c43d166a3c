"""The rules of a world: who must prove what, how long things last, and what ends what."""
