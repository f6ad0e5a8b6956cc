#!/usr/local/bin/python3 -IS
"""A container's health check: whether the process in it can serve, with its reasons.

Run every few seconds in each container, so it imports nothing that costs.
"""

import os
import socket
import sys

PORT = int(os.environ.get("GUICHET_PORT", "8000"))
QUESTION = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

try:
    with socket.create_connection(("127.0.0.1", PORT), timeout=8) as connection:
        connection.sendall(QUESTION)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
except OSError as silent:
    sys.exit(f"no answer on port {PORT}: {silent}")
head, _, body = answer.partition(b"\r\n\r\n")
print(body.decode(errors="replace"))  # noqa: T201 - docker inspect shows it
sys.exit(0 if head.split(b" ", 2)[1:2] == [b"200"] else 1)
