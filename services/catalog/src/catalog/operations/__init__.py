"""What an administrator can do to the catalogue."""

from catalog.operations.importing import ImportRunning, import_products
from catalog.operations.reading import FileRefused

__all__ = ["FileRefused", "ImportRunning", "import_products"]
