"""Networks side by side as CSV."""

from __future__ import annotations

import csv
import io

from neurodeploy.running.side_by_side import SideBySide


def csv_text(found: SideBySide) -> str:
    """Return one row of CSV per network and chip, below the names of the columns."""
    rows, text = found.to_rows(), io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
