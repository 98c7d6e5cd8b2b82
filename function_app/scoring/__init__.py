"""The scorers, each a function of the grey pixels."""
