"""From results to what people read and other systems take."""
