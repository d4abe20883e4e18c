"""
When: the queue, the passes, reporting, and the desk for outsiders.

Everything decided here is decided by the engine; everything done is done by the
hands below. This room keeps time and order: which key is looked at next, what
it observed, and where the answer is written.
"""
