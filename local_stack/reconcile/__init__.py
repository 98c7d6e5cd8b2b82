"""Does it add up? Folder, blobs and rows compared, image by image."""
