"""One typed function per call to a service, one module per context; see `gateway` for errors."""
