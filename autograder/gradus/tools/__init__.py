"""The tools that Gradus works with: for each, what it is given and how it grades."""
