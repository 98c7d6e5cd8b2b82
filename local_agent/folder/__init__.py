"""The device's folder: what lies in it, what may be taken, where it goes afterwards."""
