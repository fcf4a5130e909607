"""Write the JSON Schemas of reports and input files: `uv run python .ci/schemas.py`.

Editors complete and check a file that names its schema: `{"$schema": ".../network.json", ...}`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from neurodeploy.explore.results import SearchResult
from neurodeploy.explore.space import SearchSpace
from neurodeploy.hw_sim.chips import file_type
from neurodeploy.models import schema
from neurodeploy.models.architecture import NetworkFile
from neurodeploy.models.json_fields import json_type
from neurodeploy.report.report import Report, SideBySide

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "schemas"

TYPES: Final[dict[str, Any]] = {
    "cost-file.json": file_type(),
    "network.json": NetworkFile,
    "report.json": json_type(Report) | json_type(SideBySide),
    "search.json": json_type(SearchResult),
    "search-space.json": SearchSpace,
}
"""File in `FOLDER` -> type."""


def text_of(name: str) -> str:
    """Return the text of a schema file."""
    return json.dumps(schema.json_schema(TYPES[name]), indent=2) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in TYPES:
        (FOLDER / name).write_text(text_of(name), encoding="utf-8")
        print(f"wrote {FOLDER / name}")
