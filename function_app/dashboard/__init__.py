"""``/api/dashboard``: the page that shows every image: ``page.html``, ``app.css`` and the ES modules of ``modules``.

The files hold no data, so anyone may read them; what they ask the API for needs the function key. They
name no outside address, and the page's Content-Security-Policy would refuse one: nothing runs in it
but these modules, whatever a blob is called. They are served as they stand; there is no build step.
"""

from __future__ import annotations

from function_app.dashboard import picture, routes

blueprints = (routes.blueprint, picture.blueprint)
