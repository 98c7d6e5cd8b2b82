"""The data that crosses boundaries, its JSON form, and who is who."""
