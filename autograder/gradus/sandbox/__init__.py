"""Outside the wall: how a process that runs foreign code is started, contained and ended."""
