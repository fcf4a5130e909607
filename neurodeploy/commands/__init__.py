"""The commands: each file parses one command's options, calls the library and prints.

`neurodeploy NAME` and `python -m neurodeploy.NAME` run `commands/NAME.py`; `cli` is
what they share, and `export_nir` is the part of `export` that reads NIR.
"""
