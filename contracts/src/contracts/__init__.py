"""The published language of Guichet: what the contexts say to each other and to the world."""
