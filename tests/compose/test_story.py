"""The main story, with the same code as before the local stack, through the containers' gateway."""

import os
import subprocess
import sys

from compose.installation import ADMINISTRATOR, PASSWORD, ROOT


def test_the_main_story_in_a_real_browser(installation, figures):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "tests/e2e/test_main_story.py",
            "--base-url",
            installation.url,
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "GUICHET_TEST_ADMINISTRATOR": ADMINISTRATOR,
            "GUICHET_TEST_PASSWORD": PASSWORD,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    figures.append(f"main story: {done.stdout.strip().splitlines()[-1].strip('= ')}")
