"""What real hardware measured, as a table in a terminal."""

from __future__ import annotations

from dataclasses import fields

from rich.table import Table

from hw_sim.activity import Breakdown, Measured
from neurodeploy.cli import number_of
from neurodeploy.pages import short
from neurodeploy.pages.terminal.tables import add_numbers

NAMES = {"vdd": "supply VDD", "vdd_m": "supply VDDM", "vdd_io": "supply VDDIO"}


def made(measured: Measured) -> Table:
    """Return the power of a run and the energy of an inference."""
    time = measured.time_per_step_us
    step = "" if time is None else f", {short.number(time)} us a step"
    table = Table(
        title=f"Measured on hardware, {number_of(measured.samples, 'sample')}{step}",
        title_justify="left",
    )
    table.add_column("")
    add_numbers(table, "power (W)")
    add_numbers(table, "energy (uJ)")
    for field in fields(Breakdown):
        power, energy = (getattr(of, field.name) for of in (measured.power_w, measured.energy_uj))
        table.add_row(NAMES.get(field.name, field.name), short.number(power), short.number(energy))
    return table
