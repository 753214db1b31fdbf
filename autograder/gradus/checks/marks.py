"""The marks of a check: its points, whose function it judges, and who may see it."""

import pytest

points = pytest.mark.points
"""`@points(3, of="linear_backward")`: a check worth 3 points that judges that function."""

public = pytest.mark.public
"""The check ships to students as well."""

visibility = pytest.mark.visibility
"""`@visibility("after_published")`: visible, after_due_date, after_published or hidden."""

hidden = visibility("hidden")
"""Only the instructor sees the check."""
