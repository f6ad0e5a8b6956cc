"""Whole numbers in addresses and forms, of a length that every part can read."""

from starlette.convertors import Convertor, register_url_convertor

from contracts.numbers import LONGEST_NUMBER


class Number(Convertor[int]):
    """Starlette's own `int` takes numbers that Python refuses to read."""

    regex = f"[0-9]{{1,{LONGEST_NUMBER}}}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", Number())


def whole(typed: str) -> int | None:
    """None if it is no whole number, or too long for ours."""
    return (
        int(typed)
        if typed.isascii() and typed.isdecimal() and len(typed) <= LONGEST_NUMBER
        else None
    )
