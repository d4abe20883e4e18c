"""
A world in which time, order and faults come from a seed.

The real House runs here, between a sandbox without HTTP and a Git without
disks. One seed is one history, whatever machine it runs on: `python -m
tests.simulate --seed N` shows it again.

    clockwork   an event loop whose time passes only when nothing else is to do
    wire        requests to the sandbox, and what goes wrong with them
    history     Git in memory: commits, and who hears of them
    processes   one Moorage: started, paused, killed, and what remains of it
    world       everything together: one or two of them, the cluster and people
    plans       what a history is made of: applications, commits, acts and faults
    draws       which of it a seed means
    scenes      two applications in a settled world, for the named patterns
    promises    what must hold at every step and at the end
    running     one plan from start to settled end, and the shortest that fails
"""
