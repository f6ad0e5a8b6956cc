"""What notifications does: store people and requests, queue mails, send them, and preferences."""
