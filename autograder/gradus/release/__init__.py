"""From solutions to what students and tools are given."""
