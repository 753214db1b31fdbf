"""otter-grader: the bundle made with it, the plugin that grades in it, and how it is run."""
