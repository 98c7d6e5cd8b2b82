"""From bytes to grey pixels: what a PNG must be, and the reason of each that is refused."""
