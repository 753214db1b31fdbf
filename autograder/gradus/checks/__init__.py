"""What a test can say about a function of a submission."""
