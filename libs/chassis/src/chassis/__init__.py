"""What every service shares: HTTP, database, messaging, monitoring. Nothing here is about the
business.
"""
