"""Is every input read, or refused with our own error? `make fuzz`, or `scripts/fuzz --help`."""
