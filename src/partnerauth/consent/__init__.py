"""Getting, keeping, spending and renewing a consent."""
