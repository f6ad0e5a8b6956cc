"""The API and events of identity."""
