"""The marker file that Azure's Python worker looks for; this code never runs.

The worker checks that a *file* named ``function_app.py`` exists at the root and then imports the
*module* ``function_app``. Python prefers the package directory ``function_app/`` beside this file,
so what is imported is ``function_app/__init__.py``. Without this file the worker finds zero
functions and reports no error. tests/contract pins both facts.
"""

from function_app import app  # noqa: F401  (resolves to the package)
