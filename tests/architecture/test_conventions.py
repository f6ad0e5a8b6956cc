"""Each rule of the house is seen to fail; that all hold is a matter of `./guichet check`."""

import pytest

from local.workshop import conventions


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (conventions.name_is_vague, "helpers.py", '"""What it is for."""\n'),
        (conventions.purpose_is_missing, "sales.py", "import os\n"),
        (conventions.purpose_is_missing, "sales.py", f'"""{"long " * 21}"""\n'),
        (conventions.is_too_long, "sales.py", "pass\n" * 451),
        (conventions.ends_transactions, "sales.py", "async def f(s):\n    await s.commit()\n"),
        (conventions.has_its_own_time, "operations.py", "at = datetime.now(UTC)\n"),
        (conventions.has_its_own_time, "operations.py", "at = time.time()\n"),
        (
            conventions.reads_what_is_sent,
            "page.py",
            "def f(request):\n    return request.cookies\n",
        ),
        (conventions.names_a_registry, "all.txt", "--index-url https://packages.example/simple\n"),
        (conventions.template_is_unsafe, "page.html", '<p style="color: red">'),
        (conventions.template_is_unsafe, "page.html", "<style>p {}</style>"),
        (conventions.template_is_unsafe, "page.html", "<script>alert(1)</script>"),
        (conventions.template_is_unsafe, "page.html", '<p onclick="alert(1)">'),
        (conventions.template_is_unsafe, "page.html", '<p hx-on:click="alert(1)">'),
        (conventions.template_is_unsafe, "page.html", "<p hx-vals='js:{a: 1}'>"),
        (conventions.template_is_unsafe, "page.html", '<p hx-trigger="click[ctrlKey]">'),
        (conventions.template_is_unsafe, "page.html", '<a href="javascript:alert(1)">'),
        (conventions.template_is_unsafe, "page.html", "{{ text | safe }}"),
        (conventions.time_hides_its_moment, "page.html", "<p>{{ opened_at|moment }}</p>"),
        (conventions.template_line_is_long, "page.html", f"<p>{'x' * 114}</p>\n"),
        (
            conventions.template_is_foreign,
            "desk/templates/queue/lines.html",
            "{% extends 'shared/base.html' %}{% include 'counter/sale.html' %}",
        ),
        (
            conventions.script_is_foreign,
            "desk/scripts/queue.js",
            'import "../../counter/scripts/words.js";\nimport "../../shared/scripts/a.js";\n',
        ),
        (conventions.limit_is_repeated, "page.html", "<p>15 caractères</p>"),
        (conventions.script_is_unsafe, "page.js", "eval(text);\n"),
        (conventions.script_is_unsafe, "page.js", 'field.setAttribute("style", text);\n'),
    ],
)
def test_a_broken_rule_is_reported(tmp_path, rule, name, text):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    assert len(list(rule(file))) == 1


def test_a_script_looks_only_for_what_a_page_has(tmp_path):
    page, script = tmp_path / "page.html", tmp_path / "page.js"
    page.write_text('<form id="sale" data-draft data-key="1"><input name="email"></form>')
    script.write_text(
        'const form = document.getElementById("sale"), at = document.querySelector("#sail b");\n'
        'const { key, "data-draft": draft } = form.dataset;\n'
        "form.elements.email.value = form.elements.mail.value;\n"
        'form.dataset.key ?? form.dataset.keys ?? form.closest("[data-draft] [data-drift]");\n'
    )
    missing = list(conventions.names_that_no_page_has([page, script], [script], []))
    assert [line.split("the ")[1] for line in missing] == [
        "attribute data-drift, which no page has",
        "property keys, which no page has",
        "id sail, which no page has",
        "field mail, which no page has",
    ]


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (conventions.purpose_is_missing, "__init__.py", ""),
        (conventions.has_its_own_time, "operations.py", "at = clock.now()\n"),
        (conventions.reads_what_is_sent, "cookies.py", "def f(request):\n    request.cookies\n"),
        (conventions.template_is_unsafe, "page.html", "{# | safe, style= #}<script src='/a.js'>"),
        (conventions.time_hides_its_moment, "page.html", "{{ when(opened_at|moment) }}"),
        (conventions.template_line_is_long, "page.html", f"<p>{'é' * 113}</p>\n"),
        (conventions.names_a_registry, "package-lock.json", '"url": "https://github.com/sponsors"'),
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path, rule, name, text):
    file = tmp_path / name
    file.write_text(text)
    assert not list(rule(file))
