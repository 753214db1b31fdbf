"""dist/gradescope/T.zip: all that Gradescope needs to grade one topic, ready to upload."""

from __future__ import annotations

from collections.abc import Iterable

from gradus.course import Course, Topic, read_salt
from gradus.digests import tests_version
from gradus.files import pack_zip
from gradus.jobs import CheckInfo
from gradus.results import Result, Status, SubmissionStatus
from gradus.tools.gradescope.grade import results_json
from gradus.tools.hidden import hidden_files
from gradus.tools.wheel import make_wheel, requirement

# What students read if the grader is ended in the middle of its work.
UNFINISHED = "Grading did not finish. Please submit again; if this stays, tell the course's staff."

_SETUP = """\
#!/usr/bin/env bash
# Made by `gradus build`. Gradescope runs this once, as root, when it makes the image.
set -euo pipefail
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")"
chmod -R go-rwx .
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# The first Python that is new enough and can make a virtual environment.
find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11; do
    if "$name" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  return 1
}

if ! python=$(find_python); then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  for package in python3-venv python3.12-venv python3.11-venv; do
    apt-get install -qy "$package" && python=$(find_python) && break
  done
fi
"${python:?choose a newer base image: Gradus needs Python 3.11}" -m venv /opt/gradus
install=(/opt/gradus/bin/python -m pip install --quiet)
# From PyTorch's own index of CPU builds: the usual one brings gigabytes of CUDA.
"${install[@]}" --index-url https://download.pytorch.org/whl/cpu '@TORCH@'
"${install[@]}" ./@WHEEL@

# The labels of the digits come with scikit-learn: nobody but root may read them.
/opt/gradus/bin/python -P -c '
from gradus.sandbox.view import hidden_paths
for path in hidden_paths(()):
    path.chmod(0o700)
'
"""

_RUN = """\
#!/usr/bin/env bash
# Made by `gradus build`. Gradescope runs this as root, once for each submission.
umask 077
cd /autograder || exit 1
mkdir -p results submission
# Nobody but root may read the tests, the salt, other people's names, or write the result.
chmod 700 source results submission
[[ -e submission_metadata.json ]] && chmod 600 submission_metadata.json
# This result stands if nothing better comes, whatever happens below.
cp source/unfinished.json results/results.json
# One thread, so that sums come out as they do elsewhere. After ten minutes Gradescope would end it
# all and show nothing.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
python=/opt/gradus/bin/python
timeout --kill-after=5 540 $python -P -m gradus.tools.gradescope.grade /autograder 2>&1
exit 0
"""


def gradescope_zip(course: Course, topic: Topic, checks: Iterable[CheckInfo]) -> bytes:
    """The archive to upload; the same input, the same bytes. It holds the salt: keep it secret."""
    salt = read_salt(course)
    test_file = course.test_file(topic)
    wheel, wheel_data = make_wheel()
    ungraded = _ungraded(topic, checks, tests_version(test_file, topic, salt))
    unfinished = ungraded.model_copy(update={"message": UNFINISHED})
    setup = _SETUP.replace("@TORCH@", requirement("torch")).replace("@WHEEL@", wheel)
    files = {
        "setup.sh": setup.encode(),
        "run_autograder": _RUN.encode(),
        wheel: wheel_data,
        "topic.json": topic.model_dump_json(indent=1).encode(),
        "ungraded.json": ungraded.model_dump_json(indent=1).encode(),
        "unfinished.json": results_json(unfinished, topic),
        **hidden_files(course, topic),
    }
    modes = {"setup.sh": 0o755, "run_autograder": 0o755}
    return pack_zip(files, {name: modes.get(name, 0o600) for name in files})


def _ungraded(topic: Topic, checks: Iterable[CheckInfo], version: str) -> Result:
    """The result of a submission before any check: what is shown if none can be run."""
    return Result(
        submission="submission",
        topic=topic.id,
        status=SubmissionStatus.UNREADABLE,
        score=0,
        max_score=topic.points,
        isolation="user",
        device="cpu",
        seconds=0,
        sha256="",
        tests=version,
        checks=[check.result(Status.ERROR, 0) for check in checks],
    )
