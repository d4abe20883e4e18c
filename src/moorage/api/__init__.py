"""
Answers other programs: webhooks, health and metrics; routes of the REST API come here.

Handlers ask the desk and encode; they decide nothing and know no repository, no
renderer and no cluster.
"""
