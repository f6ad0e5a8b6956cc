"""A browser that listens, and nginx between it and Guichet."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from shop import Account

# All as nginx has it by default, but for the headers that docs/operations.md names.
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  gzip on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {listen};
    location / {{
      proxy_pass {gateway};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


def nginx_config(listen: str, gateway: str, folder: Path) -> str:
    return NGINX.format(listen=listen, gateway=gateway, folder=folder)


@asynccontextmanager
async def browser_at(url: str, account: Account) -> AsyncGenerator[httpx.AsyncClient]:
    """Signed in by the form, as browsers send it."""
    async with httpx.AsyncClient(
        base_url=url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=20
    ) as browser:
        typed = {"email": account.email, "password": account.password, "next": ""}
        signed_in = await browser.post("/connexion", data=typed)
        assert signed_in.status_code == 303, signed_in.text
        yield browser


async def wait_for_line(lines: AsyncIterator[str], beginning: str, *, seconds: float) -> None:
    """Returns once a line of a stream begins so."""
    async with asyncio.timeout(seconds):
        async for line in lines:
            if line.startswith(beginning):
                return
    raise AssertionError(f"the stream ended before « {beginning} »")
