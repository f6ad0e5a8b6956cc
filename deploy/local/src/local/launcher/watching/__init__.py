"""How the running parts are: readiness, figures, logs."""
