"""What a process holds in its memory."""

from pathlib import Path


def holds(pid: int, words: str) -> bool:
    """Whether its writable memory contains these words anywhere."""
    looked_for = words.encode()
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            where, rights, *_ = line.split()
            begin, end = (int(each, 16) for each in where.split("-"))
            if rights.startswith("rw"):
                memory.seek(begin)
                if looked_for in memory.read(end - begin):
                    return True
    return False
