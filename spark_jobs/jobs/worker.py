"""A process that runs jobs one after the other on one Spark session: `python -m spark_jobs.jobs.worker`.

Spark's start costs seconds, and its first minute more: conform and score of a run share both. Each line
of standard input asks for a job, `{"job": "conform", "lock": …, "parent": …, "pipes": {…}}`; `pipes` are the
parameters of its Dagster Pipes session. Each line of standard output answers one with its exit code. What
jobs and Java print goes to standard error. The process ends with its input, or after a job that failed.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import TextIO

from dagster_pipes import (
    PipesContext,
    PipesDefaultContextLoader,
    PipesDefaultMessageWriter,
    PipesMappingParamsLoader,
)

from spark_jobs.jobs.process import Job, Sessions, die_with_parent, perform

JOBS = {"conform": "spark_jobs.jobs.conform", "score_day": "spark_jobs.jobs.score_day"}
"""The jobs that may be asked for, and the modules whose `run` they are."""


def main() -> None:
    answers = _own_output()
    sessions = Sessions()
    watched = False
    code = 0
    try:
        for line in sys.stdin:
            request = json.loads(line)
            if not watched:
                die_with_parent(request["lock"], request["parent"])
                watched = True
            code = _run(request["job"], request["pipes"], sessions)
            print(code, file=answers, flush=True)
            if code:
                break
    finally:
        sessions.stop()
    sys.exit(code)


def _run(name: str, pipes_parameters: dict[str, str], sessions: Sessions) -> int:
    # Not open_dagster_pipes: that opens one connection a process, and each job has its own.
    loader = PipesMappingParamsLoader(pipes_parameters)
    with PipesContext(loader, PipesDefaultContextLoader(), PipesDefaultMessageWriter()) as pipes:
        return perform(Job(name, pipes.extras, pipes, sessions), import_module(JOBS[name]).run)


def _own_output() -> TextIO:
    """Standard output for the answers alone; everybody else's goes to standard error from here on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
