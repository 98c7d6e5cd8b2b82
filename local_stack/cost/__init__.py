"""What an image costs on Azure, as a model: counted requests times public list prices. ``python -m local_stack.cost``.

Pure but for reading ``prices.json`` and writing the page; imports no other part of the stack.
"""
