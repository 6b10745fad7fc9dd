"""Does trust tell whom others will come to distrust? The ratings of Bitcoin OTC, split in time.

    python -m tests.trials.bitcoin_otc --ratings soc-sign-bitcoinotc.csv

Protocol. Who-trusts-whom ratings from -10 to 10. The first 65 % of the time between the first and the last
rating is history, the rest future. Positive ratings of the history are reactions, a like each; negative ones
are left out, for the model knows no disapproval. The ten seeds are those with the most distinct people
who rated them positively in the history, less those who rated them negatively, of whom nobody else
vouches. The history is scored day by day by the real loop (`network_day`, so `trust_step` with give-back,
budget and tenure), with the ten as known seeds, and trust is read off on its last day.

Asked are users who appear in the history and are rated in the future; "bad" are those who get at least
one rating of -5 or worse there. The AUC is the chance that a bad one has less trust than another, ties
counting half. Beside it, of the same users: the mean of their ratings so far (negative ones among them;
0 for those never rated) and the count of positive ones. Intervals are of 2,000 bootstraps of the users.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from spark_jobs.scoring_model import ScoringModel, load_model
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints
from spark_jobs.transforms.scoring.block_tables import NETWORK_INPUT
from spark_jobs.transforms.scoring.blocks import Rows
from spark_jobs.transforms.scoring.network_day import NetworkState, network_day
from spark_jobs.transforms.scoring.network_input import NetworkInput

SEEDS = 10
HISTORY = 0.65
BAD = -5
BOOTSTRAPS = 2000
DAY = 24 * 60 * 60
NO_END = 1e6
"""Days of a half-life without end."""


@dataclass(frozen=True)
class Ratings:
    """Ratings in order of time, (ratings,) each; users are numbered, `moment` in seconds since 1970."""

    source: Ints
    target: Ints
    value: Ints
    moment: Floats

    def where(self, kept: Bools) -> Ratings:
        return Ratings(self.source[kept], self.target[kept], self.value[kept], self.moment[kept])


def read_ratings(path: Path) -> tuple[Ratings, int]:
    """All ratings and the number of users."""
    raw = np.loadtxt(path, delimiter=",", skiprows=1)
    raw = raw[np.argsort(raw[:, 3], kind="stable")]
    users, ends = np.unique(raw[:, :2].astype(np.int64), return_inverse=True)
    ends = ends.reshape(-1, 2)
    return Ratings(ends[:, 0], ends[:, 1], raw[:, 2].astype(np.int64), raw[:, 3]), len(users)


def most_trusted(history: Ratings, users: int, most: int = SEEDS) -> Ints:
    """Users with the most people for them less people against them; a pair occurs once in these data."""
    standing = np.bincount(history.target, weights=np.sign(history.value), minlength=users)
    return np.lexsort((np.arange(users), -standing))[:most]


def trust_at_the_end(
    history: Ratings, users: int, seeds: Ints, model: ScoringModel, squeeze: float = 1.0
) -> Floats:
    """Trust of each user, (users,), after the history's last day; 0 for those who never occur in it.

    `squeeze` divides all times: days of the model per day of the log are 1 / squeeze.
    """
    positive = history.where(history.value > 0)
    day = ((positive.moment - history.moment[0]) / DAY / squeeze).astype(np.int64)
    names = np.array([f"{user:06d}" for user in range(users)])
    schema = NETWORK_INPUT["activities"]
    size = len(day)
    columns = {
        "day": pa.array(day.astype(np.int32)).cast(pa.date32()),
        "network": pa.repeat("otc", size),
        "kind": pa.repeat("like", size),
        "actor_account_id": pa.array(names[positive.source]),
        "target_account_id": pa.array(names[positive.target]),
        "occurred_at": pa.array(day * DAY * 1_000_000).cast(schema.field("occurred_at").type),
        "late_days": pa.array(np.zeros(size, dtype=np.int32)),
        "topics": pa.array([[]] * size, pa.list_(pa.string())),
    }
    tables = {name: Rows(of.empty_table()) for name, of in NETWORK_INPUT.items()}
    tables["activities"] = Rows(
        pa.Table.from_arrays([columns[f.name].cast(f.type) for f in schema], schema=schema)
    )
    task = NetworkInput("otc", tables, 0.7)
    user_of = np.array([int(name) for name in task.ids.to_pylist()])
    is_seed = np.isin(user_of, seeds)
    state = NetworkState.empty(model.level.rise_memory_days)
    last = int((history.moment[-1] - history.moment[0]) / DAY / squeeze)
    for number in range(last + 1):
        state, events = task.day(state, number)
        state = network_day(state, replace(events, customer=is_seed[state.accounts.code]), model).state
    trust = np.zeros(users)
    trust[user_of[state.accounts.code]] = state.accounts.trust
    return trust


def auc(value: Floats, bad: Bools) -> float:
    """The chance that a bad one has the lower value; ties count half."""
    rank = rankdata(value)
    good, wrong = int((~bad).sum()), int(bad.sum())
    return float((rank[~bad].sum() - good * (good + 1) / 2) / (good * wrong))


def bootstrapped(measure: Callable[[Ints], float], users: int) -> tuple[float, float]:
    """95 % of `measure` over users drawn with replacement."""
    random = np.random.default_rng(1)
    drawn = [measure(random.integers(users, size=users)) for _ in range(BOOTSTRAPS)]
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def report(path: Path) -> str:
    """The table as Markdown."""
    ratings, users = read_ratings(path)
    split = ratings.moment[0] + HISTORY * (ratings.moment[-1] - ratings.moment[0])
    history, future = ratings.where(ratings.moment <= split), ratings.where(ratings.moment > split)
    known = np.zeros(users, dtype=bool)
    known[np.concatenate((history.source, history.target))] = True
    rated_later, bad_later = np.zeros(users, dtype=bool), np.zeros(users, dtype=bool)
    rated_later[future.target] = True
    bad_later[future.target[future.value <= BAD]] = True
    asked = np.flatnonzero(known & rated_later)
    bad = bad_later[asked]

    received = np.bincount(history.target, minlength=users)
    mean = np.bincount(history.target, weights=history.value, minlength=users) / np.maximum(received, 1)
    positive = np.bincount(history.target[history.value > 0], minlength=users).astype(float)
    seeds = most_trusted(history, users)
    model = load_model("v1")
    lasting = model.model_copy(
        update={"pair": model.pair.model_copy(update={"half_life_days": NO_END, "drop_below": 0.0})}
    )
    days = (history.moment[-1] - history.moment[0]) / DAY
    trusts = {
        "trust, v1 as it stands": trust_at_the_end(history, users, seeds, model),
        "trust, v1, history squeezed into 90 days": trust_at_the_end(history, users, seeds, model, days / 90),
        "trust, v1 without forgetting": trust_at_the_end(history, users, seeds, lasting),
    }
    lines = [
        f"{len(ratings.value):,} ratings of {users:,} users; history {len(history.value):,} ratings over "
        f"{days:,.0f} days, future {len(future.value):,}. Asked: {len(asked):,} users, {int(bad.sum())} bad; "
        f"{int((asked[:, None] == seeds).any(axis=1).sum())} seeds among them.",
        "",
        "| by | AUC | 95 % | less the mean rating's, 95 % | users with none |",
        "|---|---|---|---|---|",
    ]
    base = mean[asked]
    for name, value in {"mean rating so far": mean, "positive ratings so far": positive, **trusts}.items():
        mine = value[asked]
        low, high = bootstrapped(lambda at, v=mine: auc(v[at], bad[at]), len(asked))
        worse, better = bootstrapped(
            lambda at, v=mine: auc(v[at], bad[at]) - auc(base[at], bad[at]), len(asked)
        )
        none = int((received[asked] == 0).sum()) if "rating" in name else int((mine < 1e-6).sum())
        lines.append(
            f"| {name} | {auc(mine, bad):.3f} | {low:.3f} to {high:.3f} "
            f"| {worse:+.3f} to {better:+.3f} | {none} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--ratings", type=Path, required=True)
    arguments = parser.parse_args()
    if not arguments.ratings.exists():
        raise SystemExit(f"There are no ratings at {arguments.ratings}.")
    print(report(arguments.ratings))  # noqa: T201


if __name__ == "__main__":
    main()
