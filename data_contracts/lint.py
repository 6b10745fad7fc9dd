"""Lint contracts with datacontract-cli, all in one process: its command takes one file, a second each.

Usage: python data_contracts/lint.py [FILE ...]   (no file: every contract). Exits 1 when one fails.
"""

import json
import logging
import sys
from functools import cache
from pathlib import Path
from typing import Any

from datacontract.data_contract import DataContract
from jsonschema import Draft201909Validator

FOLDER = Path(__file__).resolve().parent


def lint(path: Path) -> list[str]:
    """What the linter holds against one file, a line each; empty for a good one. Needs no network."""
    run = DataContract(data_contract_file=str(path), inline_references=False, all_errors=True).lint()
    return [f"{path}: {check.reason}" for check in run.checks or () if check.result != "passed"]


def prove_its_schema_once() -> None:
    """The linter holds its own schema against its metaschema with every file: nine tenths of its work."""
    prove = Draft201909Validator.check_schema
    proved = cache(lambda text: prove(json.loads(text)))

    def check_schema(schema: Any) -> None:
        proved(json.dumps(schema))

    Draft201909Validator.check_schema = check_schema


def main(arguments: list[str]) -> int:
    """Lint the files named, or all, and print what is wrong; 1 when something is."""
    logging.disable(logging.ERROR)  # the linter logs what it also returns
    prove_its_schema_once()
    paths = [Path(argument) for argument in arguments] or sorted(FOLDER.rglob("*.odcs.yaml"))
    problems = [problem for path in paths for problem in lint(path)]
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    sys.stdout.write(f"{len(paths)} contracts, {len(problems)} problems\n")
    return 1 if problems or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
