"""The data that crosses boundaries, its JSON form, and how runs and blobs are identified."""
