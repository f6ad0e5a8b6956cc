"""Print every sale from the first one, then each new one; started again, go on where it stopped.

    python print_sales.py --url nats://127.0.0.1:4222 --user subscriber

The password is read from NATS_PASSWORD. Only `pip install nats-py` is needed. Guichet's set-up
has made a durable with the user's name on the stream SALES: NATS keeps our place in it, and the
user may read there and nothing else. The messages are described in ../schemas/asyncapi.yaml.
"""

# ruff: noqa: T201 - printing is what it is for

import argparse
import asyncio
import json
import os
import signal
import sys
from contextlib import suppress

import nats
import nats.errors
from nats.aio.msg import Msg


async def complain(error: Exception) -> None:
    print(f"NATS: {error!r}", file=sys.stderr, flush=True)


async def print_sales(url: str, user: str, password: str, durable: str) -> None:
    connection = await nats.connect(
        url,
        user=user,
        password=password,
        inbox_prefix=f"_INBOX.{user}",  # the only inbox that this user may read
        max_reconnect_attempts=-1,
        error_cb=complain,  # a refused right is told here and nowhere else
    )
    sales = await connection.jetstream().pull_subscribe_bind(durable=durable, stream="SALES")
    stopped = asyncio.Event()  # a task that is cancelled instead may go on: Python 3.11's wait_for
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stopped.set)
    while not stopped.is_set():
        try:
            messages = await sales.fetch(100, timeout=1)
        except TimeoutError:
            continue  # nothing new: ask again
        except nats.errors.Error as error:
            await complain(error)
            await asyncio.sleep(1)
            continue
        for message in messages:
            try:
                print_sale(message)
            except (ValueError, LookupError) as error:  # it would stop us again and again
                print(f"no sale: {message.subject}: {error!r}", file=sys.stderr, flush=True)
            await message.ack()  # only now: a message that is not acknowledged comes again
    await connection.close()


def print_sale(message: Msg) -> None:
    """A sale may come twice; a program that acts on it compares `id` with those it has seen."""
    event = json.loads(message.data)
    what, sale = event["type"].split(".")[1], event["data"]
    product = sale["product"]
    print(what, sale["sale_id"], sale["serial_number"], product["reference"], product["designation"],
          sep="\t", flush=True)  # fmt: skip


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--url", default="nats://127.0.0.1:4222")
    options.add_argument("--user", default="subscriber")
    options.add_argument("--durable", help="its name, if it is not the user's")
    given = options.parse_args()
    password = os.environ["NATS_PASSWORD"]
    with suppress(KeyboardInterrupt):  # before there is a connection
        asyncio.run(print_sales(given.url, given.user, password, given.durable or given.user))
