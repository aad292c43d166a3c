"""Where a secret sleeps: one secret under one name, with version and tags, written only over what was read."""
