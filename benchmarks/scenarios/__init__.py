"""What is done and measured: one module a subject, one function a scenario, all of them named in ``SCENARIOS``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from benchmarks.bench import Bench
from benchmarks.results import Row
from benchmarks.scenarios import big_image, committing, depth, floor, importing, listing, logging, running, store_size

Scenario = Callable[[Bench], Iterator[Row]]

#: In the order in which they run, also when named otherwise: the history of ``deep`` must not be long before.
SCENARIOS: Mapping[str, Scenario] = {
    "import": importing.import_base,
    "commit-one": committing.commit_one,
    "commit-mixed": committing.commit_mixed,
    "commit-huge": committing.commit_huge,
    "commit-small": committing.commit_small,
    "run": running.run_true,
    "changes": listing.list_changes,
    "back": running.back_to_clean,
    "log": logging.log,
    "deep": depth.deep,
    "far-diff": depth.far_diff,
    "log-all": depth.log_all,
    "depth-limit": depth.depth_limit,
    "big-image": big_image.big_image,
    "day": store_size.store_size,
    "floor": floor.floor,
}
