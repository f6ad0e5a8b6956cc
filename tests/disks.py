"""Small disks that can be filled."""

import contextlib
import subprocess
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import NamedTuple


class Disk(NamedTuple):
    folder: Path

    @property
    def filling(self) -> Path:
        return self.folder / "filling"

    @contextlib.contextmanager
    def full(self) -> Generator[None]:
        """Until somebody makes room, or the end."""
        self.fill()
        try:
            yield
        finally:
            self.make_room()

    def fill(self) -> None:
        with self.filling.open("ab", buffering=0) as file:
            size = 2**20
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    def make_room(self) -> None:
        self.filling.unlink(missing_ok=True)


@contextlib.contextmanager
def mounted(sizes: Mapping[Path, int]) -> Generator[dict[Path, Disk]]:
    """File systems of their own, of so many MB, in the order in which they lie in each other."""
    made: list[Path] = []
    try:
        for folder, size in sizes.items():
            folder.mkdir(mode=0o700, exist_ok=True)
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0700", "none", folder],
                check=True,
            )
            made.append(folder)
        yield {folder: Disk(folder) for folder in made}
    finally:
        for folder in reversed(made):
            subprocess.run(["umount", "--lazy", folder], check=False)
