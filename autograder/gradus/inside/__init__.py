"""Inside the wall: what runs in a submission's process. Imports nothing of the package but wire."""
