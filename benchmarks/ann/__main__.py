"""Train one artificial network and test it: a program of the benchmark of accuracy."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ann import sizes
from neurodeploy import cli
from neurodeploy.models.files import replacing


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    given = _options().parse_args(argv)
    from benchmarks.ann import inputs, training
    from neurodeploy import train
    from neurodeploy.tasks import get

    cli.use_threads(given.threads)
    values = ["--task", given.task, *(["--data", str(given.data)] if given.data else [])]
    options = argparse.ArgumentParser()
    train.add_options(options)
    data = train.load_data(options.parse_args(values))
    plan = sizes.plan_for(given.kind, inputs.shape_of(data), given.parameters)
    found = training.run(
        data,
        plan,
        seed=given.seed,
        rates=given.rates or training.RATES,
        augment=get(given.task).config.augment,
        epochs=given.epochs,
    )
    with replacing(given.out) as temporary:
        temporary.write_text(json.dumps(found))
    print(f"Wrote {given.out}")
    return cli.DONE


def _options() -> argparse.ArgumentParser:
    options = cli.parser("ann", __doc__ or "")
    options.prog = "python -m benchmarks.ann"
    options.add_argument("--task", required=True, help="what to learn")
    cli.add_data_option(options)
    options.add_argument("--kind", choices=sizes.KINDS, required=True, help="of network")
    options.add_argument(
        "--parameters", type=cli.whole_number(1), required=True, help="that it should have"
    )
    options.add_argument("--seed", type=cli.whole_number(0), default=0, help="of everything")
    options.add_argument(
        "--rates", type=cli.positive_number, nargs="+", help="learning rates to try"
    )
    options.add_argument("--epochs", type=cli.whole_number(1), help="by the windows, if not given")
    options.add_argument("--out", type=Path, required=True, help="JSON file to write")
    cli.add_threads_option(options)
    return options


if __name__ == "__main__":
    sys.exit(main())
