"""``doctor --cloud``: the usual failures of a deployment, each named with its remedy.

``azure`` asks Azure (through ``az rest``, so with the reader's own sign-in), ``evidence`` holds the answers,
and the checks are plain functions of the evidence. Nothing is changed in Azure, and no key is shown.
"""
