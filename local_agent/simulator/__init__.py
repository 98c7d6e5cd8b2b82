"""A device that can be had without one: seeded images, damaged ones among them, and a manifest of what was made."""
