"""What goes wrong in a topic: written once, composed, changed by rule, and recorded."""
