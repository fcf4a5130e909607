"""Run the tutorials and store their outputs, compressed: `uv run python .ci/notebooks.py`."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "tutorials"
COLORS = 48


def main() -> None:
    """Run the notebooks named on the command line, or all, and write them."""
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            where = {"metadata": {"path": folder}}
            NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=where).execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            for output in cell.get("outputs", ()):
                shrink(output.get("data", {}))
        notebook.metadata.pop("language_info", None)
        write(notebook, path)


def write(notebook: Any, path: Path) -> None:
    """Write sources as lists of lines and outputs as single strings, unlike nbformat."""
    for cell in notebook.cells:
        cell.source = cell.source.splitlines(keepends=True)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def shrink(data: dict[str, Any]) -> None:
    """Reduce the colors of images, and remove metadata and whitespace from HTML."""
    if "image/png" in data:
        picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
        smaller = io.BytesIO()
        picture.quantize(COLORS, dither=Image.Dither.NONE).save(smaller, "PNG", optimize=True)
        data["image/png"] = base64.b64encode(smaller.getvalue()).decode()
    if "text/html" in data:
        html = re.sub(r"<metadata>.*?</metadata>", "", data["text/html"], flags=re.DOTALL)
        data["text/html"] = re.sub(r"\s*\n\s*", " ", html)


if __name__ == "__main__":
    main()
