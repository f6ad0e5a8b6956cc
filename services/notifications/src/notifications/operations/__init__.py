"""What notifications does: know who is who, queue mails, try them, heed what people wish."""
