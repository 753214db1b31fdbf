"""How foreign code is loaded, contained and called."""
