"""Limits of paged lists and of their cursors."""

PAGE = 20  # lines, unless the caller chooses otherwise
PAGE_MOST = 50  # also the maximum number of ids in one request
CURSOR_LENGTH = 400
