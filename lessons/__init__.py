"""The lessons, one idea and one file each. `python -m lessons` lists them."""
