"""Other optimisers, each with its own defaults, behind the signature that labloop's planner has.

Every adapter is one small file. It states as much of the campaign as its package can be told, in the form that
the package's own users use; what it cannot be told is put right afterwards (`labloop.simulate.peers.plan`), and
`notes` says so, so that a table of results can.
"""

from labloop.simulate.peers.plan import peer_plan

__all__ = ["peer_plan"]
