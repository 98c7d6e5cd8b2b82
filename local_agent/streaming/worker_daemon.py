"""What Spark forks its Python workers from: pyspark's own daemon, with our modules already loaded.

A worker forked from a bare daemon spends about half a second on imports, at the start and after every idle
minute, when Spark ends idle workers; forked from this one it starts at once. Set by spark.python.daemon.module.
"""

import contextlib
import gc

with contextlib.suppress(ImportError):
    import pyarrow  # noqa: F401

    import local_agent.streaming.sending
    import local_agent.streaming.upload_sink  # noqa: F401

from pyspark import daemon

if __name__ == "__main__":
    # The collector writes to every object it looks at, which would give each worker a copy of all that is loaded
    # here: 9 MB for each of four.
    gc.collect()
    gc.freeze()
    daemon.manager()
