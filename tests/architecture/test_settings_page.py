"""docs/settings.md tells every setting, as the code reads it."""

import re

from local.launcher.settings import ROOT
from local.workshop.generated import settings_page


def test_the_page_of_settings_is_up_to_date():
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), (
        "run `./guichet settings`"
    )


def test_every_setting_is_described():
    undescribed = [line for line in settings_page.page().splitlines() if line.endswith("|  |")]
    assert undescribed == []


def test_it_names_what_the_gateway_and_the_compose_file_read():
    routes = "".join(file.read_text() for file in (ROOT / "gateway" / "dynamic").glob("*.yml"))
    compose = (ROOT / "deploy" / "docker-compose.yml").read_text()
    [parts] = re.findall(r'parts := list ([^}]*"web") ', routes)
    read = {
        *re.findall(r'env "(\w+)"', routes),
        *(f"{part.upper()}_URLS" for part in re.findall(r"\w+", parts)),
        *re.findall(r"(?<!\$)\$\{(\w+)", compose),
        *re.findall(r"env_file: \[\{ path: ([\w.]+)", compose),
    } - {"GUICHET_ANSWERS"}  # which serve.py finds out and nobody sets
    assert len(read) > 40
    page = settings_page.page()
    named = {*re.findall(r"\w+", page), *re.findall(r"deploy/([\w.]+)", page)}
    assert read <= named
