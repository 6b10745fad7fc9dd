"""Score a home's history by several models, each into a scratch place of its own; nothing is published.

Options beside those of `score_day`: `models`, for each a name or file and the root of its scratch lake.
"""

from __future__ import annotations

from spark_jobs.jobs.process import Job, JobError, run_by_hand
from spark_jobs.jobs.score_day import score_with
from spark_jobs.lake import Lake
from spark_jobs.scoring_model import ModelError, model_of
from spark_jobs.scratch import ScratchLake


def run(job: Job) -> None:
    """The job; its report is the seconds that each model took, by its scratch root."""
    home = Lake(job.home)
    first_day = home.first_day()
    if first_day is None:
        raise JobError(f"Nothing was run in {job.home} yet.")
    seconds = {}
    for name, root in job.options["models"]:
        try:
            model = model_of(name)
        except ModelError as error:
            raise JobError(str(error)) from error
        lake = ScratchLake(home, root)
        lake.declare_first_day(first_day)
        job.say(f"Scoring with {name}")
        seconds[root] = round(score_with(job, lake, model).seconds, 2)
    job.report({"seconds": seconds})


if __name__ == "__main__":
    run_by_hand("compare_models", run)
