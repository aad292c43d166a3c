"""Where a secret sleeps: one secret under one name, with a version and tags, written only over the version that was read."""
