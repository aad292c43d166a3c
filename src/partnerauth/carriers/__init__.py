"""The HTTP libraries, each behind `send`: the only rooms that open a connection to somebody else."""
