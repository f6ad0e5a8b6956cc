"""The published language of Guichet: the APIs and events of all contexts."""
