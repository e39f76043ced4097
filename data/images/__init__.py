"""Pictures as people have them: read, scaled, handwriting found, colors matched."""
