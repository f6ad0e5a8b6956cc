"""HTTP: authentication, idempotency, paging, uploads, the server and the client."""
