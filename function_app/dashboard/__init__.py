"""``/api/dashboard``: the page that shows every image, out of three files beside this module.

The files hold no data, so anyone may read them; what they ask the API for needs the function key. They
name no outside address, and the page's Content-Security-Policy would refuse one: nothing runs in it
but ``app.js``, whatever a blob is called.
"""

from __future__ import annotations

from function_app.dashboard import picture, routes

blueprints = (routes.blueprint, picture.blueprint)
