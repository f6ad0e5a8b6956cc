"""The tests: all, those of a part, those that a change reaches, mutations."""
