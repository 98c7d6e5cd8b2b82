"""What runs on the device's own computer: an image simulator and a streaming uploader.

The agent watches ``inbox/``, uploads each complete file once, and moves it to ``done/`` only when the
storage service has acknowledged it. The folder is the only state that matters: the Spark checkpoint may be
deleted at any time. It shares no code with the function app; the blob contract between them is pinned by
tests/contract.
"""
