"""``/api/dashboard``, the page that shows every image: ``page.html``, ``app.css`` and the ES modules of ``modules``.

The files contain no data, so anyone may read them; the API that they call needs the function key. They
name no external address, and the page's Content-Security-Policy would block one: nothing runs in it
but these modules, whatever a blob is called. They are served unchanged; there is no build step.
"""

from __future__ import annotations

from function_app.dashboard import picture, routes

blueprints = (routes.blueprint, picture.blueprint)
