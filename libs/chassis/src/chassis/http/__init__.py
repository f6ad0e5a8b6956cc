"""HTTP, spoken and asked: who calls, what is refused, how much, and whether a process serves."""
