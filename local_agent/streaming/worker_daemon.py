"""What Spark forks its Python workers from: pyspark's own daemon, with our modules already loaded.

A worker forked from a bare daemon spends about half a second on imports, at the start and after every idle
minute, when Spark ends idle workers; forked from this one it starts at once. Set by spark.python.daemon.module.
"""

import contextlib
import sys

with contextlib.suppress(ImportError):
    import pyarrow  # noqa: F401

    import local_agent.streaming.upload_sink

    if "pyspark.worker" in sys.argv:  # the executors' daemon; the others serve planning and never upload
        import local_agent.streaming.sending  # noqa: F401

from pyspark import daemon

if __name__ == "__main__":
    daemon.manager()
