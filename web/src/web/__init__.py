"""The web frontend: pages, words and forms over the services' APIs; no rules of its own."""
