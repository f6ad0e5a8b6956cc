"""How long the pages of lists are, and the cursors that lead from one to the next."""

PAGE = 20  # lines, unless the caller chooses otherwise
PAGE_MOST = 50  # as many ids may be asked for at once
CURSOR_LENGTH = 400
