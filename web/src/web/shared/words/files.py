"""Kinds, sizes and limits of files."""

from babel.numbers import format_decimal

from contracts.tickets.api import FileLimits
from web.shared.text.language import N_, _, language
from web.shared.text.typography import number

MEBIBYTE, KIBIBYTE = 1024 * 1024, 1024

KINDS = {
    "image": N_("Image"),
    "application/pdf": N_("PDF"),
    "application/zip": N_("Archive ZIP"),
    "video": N_("Vidéo"),
    "text": N_("Texte"),
}
ICONS = {"image": "image", "text": "note"}


def kind_name(kind: str) -> str:
    """« PDF » for what people read of a MIME type."""
    return _(KINDS.get(kind) or KINDS.get(kind.partition("/")[0]) or N_("Fichier"))


def kind_icon(kind: str) -> str:
    return ICONS.get(kind.partition("/")[0], "file")


def size_of(size: int) -> str:
    """« 412 Ko »"""
    if size >= MEBIBYTE:
        shown = format_decimal(round(size / MEBIBYTE, 1), locale=language.get().replace("-", "_"))
        return _("%(size)s Mo", size=shown)
    return _("%(size)s Ko", size=number(max(1, round(size / KIBIBYTE))))


def limits_hint(limits: FileLimits) -> str:
    """What may be chosen, before it is."""
    return _(
        "%(files)s fichiers au plus, %(size)s chacun : images, PDF, textes, ZIP, courtes vidéos",
        files=number(limits.files),
        size=size_of(limits.bytes),
    )
