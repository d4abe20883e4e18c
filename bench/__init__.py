"""How fast and how small Moorage is: `make bench`, or `scripts/bench --help`."""
