"""Pictures as people have them: read, scaled, a drawing cut out, colors matched."""
