"""Programs for those who maintain the course: no lesson needs them."""
