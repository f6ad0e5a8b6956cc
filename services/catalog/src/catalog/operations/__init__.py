"""The operations of administrators on the catalogue."""

from catalog.operations.importing import (
    IMPORTING,
    IMPORTS,
    ImportRunning,
    import_products,
    import_upload,
)
from catalog.operations.reading import FileRefused

__all__ = [
    "IMPORTING",
    "IMPORTS",
    "FileRefused",
    "ImportRunning",
    "import_products",
    "import_upload",
]
