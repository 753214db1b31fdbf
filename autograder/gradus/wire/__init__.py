"""Through the wall: what the judge and a submission's process send each other, data only."""
