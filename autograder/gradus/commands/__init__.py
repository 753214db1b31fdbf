"""One file a command: it takes the arguments, calls the parts, and prints."""
