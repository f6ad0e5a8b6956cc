"""Files as pages show and send them."""
