"""
The words: immutable values with no behaviour beyond their own consistency.

Every other room may import these and nothing here imports anything of ours.
No I/O, no clock, no tasks, no logging.
"""
