"""
The command line: one module for each command, loaded when it is called.

Commands that ask a cluster are under `app`; those that need no server call the
engine and the hands directly and are the best way to see what these do.
`root` names all commands, `exits` all exit codes.
"""
