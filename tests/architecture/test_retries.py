"""A retry across an update is the same request: what a release has sent stays what it was.

Each example is a body as a release sent it, with the fingerprint that release stored for it. A new
optional field needs no new example; an old one may change only with the path's version.
"""

import importlib
import inspect
from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from chassis.http.idempotency import fingerprint, idempotency
from contracts.text import Body

KEY = "5f0c1a34-8f2e-4d0f-9d3a-2f7f0a1b2c3d"
ROUTERS = ("identity.routes", "sales.routes", "tickets.routes")

SENT = {
    "contracts.identity.api.NewCustomer": (
        {
            "first_name": "Élodie",
            "last_name": "Marchand",
            "email": "elodie.marchand@example.org",
            "password": "quatre chevaux bleus",
        },
        "47ca419734a9caead3f1710ac241d5eccded19679ac8b54348afc4e09d87efff",
    ),
    "contracts.identity.api.NewStaffMember": (
        {
            "first_name": "Karim",
            "last_name": "Haddad",
            "email": "karim.haddad@example.org",
            "role": "technician",
        },
        "c95a3f271fdaaa8d2e0c6cffa65f85c4521da5a3f44e6e5cf999f82e1b6ee5d8",
    ),
    "contracts.sales.api.NewSale": (
        {
            "customer_id": "0193a5f0-0000-7000-8000-000000000001",
            "product_id": "0193a5f0-0000-7000-8000-000000000002",
            "serial_number": "ABC123DEF456GHI",
            "sold_on": "2026-11-24",
            "withdrawn_confirmed": False,
        },
        "518486b74796c32a49e6a2bdbf8ff1e85e2e0e4437f0aa09009160aaaa12e68b",
    ),
    "contracts.tickets.api.tickets.NewTicket": (
        {
            "follows": None,
            "sale_id": "0193a5f0-0000-7000-8000-000000000003",
            "subject": "Pas de son",
            "description": "Rien ne sort du haut-parleur gauche.",
        },
        "24359ee3dc559c7bd04cd731c066c321edb6e719604cd68433d9b5e2c02ecea6",
    ),
    "contracts.tickets.api.messages.NewMessage": (
        {
            "text": "Essayez l’autre câble.",
            "seen_position": 3,
            "send_anyway": False,
            "minutes": 5,
            "resolve": False,
        },
        "7c9379eabda6162feb7fc7cde128af77ac13b3a8cccd2bfe977e31c082086385",
    ),
    "contracts.tickets.api.messages.NewNote": (
        {"text": "Vu au comptoir.", "seen_position": None, "send_anyway": True, "minutes": None},
        "e8c017dc13ec16a2ca20676961a33ca801941a548fea8d4f2b1fe156246ec80e",
    ),
    "contracts.tickets.api.quick_replies.NewQuickReply": (
        {"title": "Câble", "text": "Bonjour {prénom}, essayez l’autre câble."},
        "860eb891ff871ab2e59a0ef4c1a44f6c2296a3b0566ea19e89b2582414050454",
    ),
}


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def routes_of(router: APIRouter) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(part := getattr(route, "original_router", None), APIRouter):
            yield from routes_of(part)


def creating_bodies() -> dict[str, type[Body]]:
    """The bodies of every route that takes an Idempotency-Key."""
    found = {}
    for module in ROUTERS:
        for route in routes_of(importlib.import_module(module).router):
            if any(each.call is idempotency for each in route.dependant.dependencies):
                for parameter in inspect.signature(route.endpoint).parameters.values():
                    if inspect.isclass(parameter.annotation) and issubclass(
                        parameter.annotation, Body
                    ):
                        found[name_of(parameter.annotation)] = parameter.annotation
    return found


def test_every_body_that_comes_with_a_key_has_an_example():
    assert creating_bodies().keys() == SENT.keys()


@pytest.mark.parametrize("name", SENT)
def test_what_a_release_sent_has_the_fingerprint_that_it_had(name):
    sent, stored = SENT[name]
    body = creating_bodies()[name].model_validate(sent)
    assert fingerprint(KEY, body).hex() == stored
