"""Compiles templates once and caches the code on disk."""

import hashlib
import os
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, nodes
from jinja2.bccache import Bucket
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from markupsafe import Markup, _escape_inner, escape

PLAIN = {FunctionType, MethodType, type(lru_cache(repr))}


def shown(value: Any) -> str:
    """As `escape`, but returns a plain string: a `Markup` per value took a fifth of a page's time."""
    kind = type(value)
    if kind is str:
        return _escape_inner(value)
    return value if kind is Markup else escape(value)


class Compiler(CodeGenerator):
    """Escapes values directly into the page's text."""

    def _output_child_pre(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> None:
        if frame.eval_ctx.autoescape and not frame.eval_ctx.volatile and finalize.src is None:
            self.write("environment.shown(")
        else:
            super()._output_child_pre(node, frame, finalize)


OF_COMPILER = ("compiling.py", "rendering.py")  # the second one sets its options


class Compiled(FileSystemBytecodeCache):
    """A cache next to Python's own; Jinja compares the source, the name contains the compiler.

    An optimisation only: on a full disk nothing is cached.
    """

    compiler = hashlib.sha256(
        b"".join(
            [
                *(Path(__file__).with_name(name).read_bytes() for name in OF_COMPILER),
                *(version(name).encode() for name in ("jinja2", "markupsafe")),
            ]
        )
    ).hexdigest()

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return super().get_cache_key(f"{name} {self.compiler}", filename)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


def compiled(web: Path) -> Compiled | None:
    """None where nothing can be cached, as in a container."""
    folder = web / "__pycache__" / "jinja"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return Compiled(str(folder)) if os.access(folder, os.W_OK) else None


class Calls(Context):
    """A plain function is called at once: Jinja asks each time how it wants to be called."""

    def call(self, called: Any, /, *given: Any, **named: Any) -> Any:
        if type(called) not in PLAIN or hasattr(called, "jinja_pass_arg"):
            return super().call(called, *given, **named)
        named.pop("_block_vars", None)
        named.pop("_loop_vars", None)
        return called(*given, **named)


class Templates(Environment):
    code_generator_class = Compiler
    context_class = Calls
    shown = staticmethod(shown)
