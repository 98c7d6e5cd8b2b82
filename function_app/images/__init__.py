"""From bytes to grey pixels: what a valid PNG is, and the reasons for which others are rejected."""
