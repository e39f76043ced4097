"""What `python -m lessons` can do, a file for each command."""
