"""From a folder to an app: settings, host.json, the app's module, its functions and their signatures."""
