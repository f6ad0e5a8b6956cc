"""What a browser sends and is told beside the page itself: headers and cookies."""
