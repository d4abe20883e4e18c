"""
Which words does ``kubectl get`` show in the cells of one object?

One function a kind, the narrow columns first and the wide ones after them, in
the order of `columns`.
"""
