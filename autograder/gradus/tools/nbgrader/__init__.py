"""nbgrader: the course directory, the steps that grade in it, how it is run, and its gradebook."""
