"""Pictures of users: reading, scaling, finding handwriting, matching colors."""
