"""Other tools that grade with Gradus's checks: otter-grader and nbgrader."""
