"""Which files there are, where they are found, and how they are fetched."""
