"""The CI job in deploy/ci lets through what it should: its commands are run, as they stand, on changes of a policy file."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.markdown import ROOT

JOB = yaml.safe_load((ROOT / "deploy/ci/policy.yaml").read_text("utf-8"))["jobs"]["policy"]
POLICY = (ROOT / "deploy/kubernetes/base/xoproxy.yaml").read_text("utf-8")
TESTS = (ROOT / "deploy/kubernetes/base/policy-tests.yaml").read_text("utf-8")
WIDER = POLICY.replace("[https://app.example.com]", "[https://app.example.com, https://admin.example.com]")
WARNED = POLICY.replace("  - upstream: web", "  - match: {path: /api/v1/**}\n    upstream: api\n  - upstream: web")
CHECK, TEST = "the file has no problems", "browsers may do what they should"
DIFF = "nobody gains anything unless that is agreed"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose first commit has the policy in force."""
    shim = tmp_path / "bin/xoproxy"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m xoproxy "$@"\n')
    shim.chmod(0o755)
    policy = tmp_path / "clone/policy"
    policy.mkdir(parents=True)
    (policy / "xoproxy.yaml").write_text(POLICY, "utf-8")
    (policy / "policy-tests.yaml").write_text(TESTS, "utf-8")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "the policy in force"]):
        subprocess.run(["git", *command], cwd=policy.parent, check=True)
    return policy.parent


def failed_step(repository: Path, agreed: str = "") -> str | None:
    """Run the job's commands; return the name of the first that fails."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("XOPROXY_")}
    path = f"{repository.parent / 'bin'}:{os.environ['PATH']}"
    environment = {**own, **JOB["env"], "BASE": "HEAD", "AGREED": agreed, "PATH": path, "PYTHONPATH": str(ROOT)}
    for step in JOB["steps"]:
        if "run" in step and "name" in step:
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            run = subprocess.run(shell, cwd=repository, env=environment, check=False, capture_output=True, text=True)
            print(run.stdout, run.stderr)
            if run.returncode:
                return str(step["name"])
    return None


@pytest.mark.parametrize(
    ("text", "agreed", "fails"),
    [
        pytest.param(POLICY, "", None, id="nothing"),
        pytest.param(POLICY.replace("max_age: 10m", "max_age: 5m"), "", None, id="nobody-gains"),
        pytest.param(WIDER, "", DIFF, id="an-origin-gains"),
        pytest.param(WIDER, "--allow-widening", None, id="an-origin-gains-and-that-is-agreed"),
        pytest.param(POLICY.replace("PUT, ", ""), "", TEST, id="the-app-may-not-save"),
        pytest.param(POLICY.replace("same-site", "samesite"), "", CHECK, id="invalid"),
        pytest.param(WARNED, "", CHECK, id="a-warning"),
    ],
)
def test_change_is_let_through_or_not(repository: Path, text: str, agreed: str, fails: str | None) -> None:
    (repository / "policy/xoproxy.yaml").write_text(text, "utf-8")

    assert failed_step(repository, agreed) == fails


def test_policy_that_was_not_there_before_is_a_failure(repository: Path) -> None:
    """The pipe does not hide that `git show` failed."""
    subprocess.run(["git", "rm", "-q", "--cached", "policy/xoproxy.yaml"], cwd=repository, check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "commit", "-q", "-m", "none"], cwd=repository, check=True)

    assert failed_step(repository) == DIFF


def test_results_are_written_for_whoever_shows_them(repository: Path) -> None:
    assert failed_step(repository) is None
    assert "<testsuite" in (repository / "policy-tests.xml").read_text("utf-8")
