"""Plants faults in the running program, one at a time, and looks whether the tests that
concern them fail.

    python -m tools.planted_faults [NAME...] [--list]

A fault replaces something that has a name, once the module that holds it has been
imported: in the process of the tests, and in every one that they start. No file is
changed. It counts as caught if an assertion of a test fails. If the program merely
crashes, it does not: nobody needs a test for that, and most faults in learning do not
crash.

`faults.py` is the list of them, `planting.py` how they get into a process.
"""
