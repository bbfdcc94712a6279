"""What to try next: surrogate, acquisition, strategy, optimiser; pure and seeded (torch lives here)."""

from labloop.planner.plan import plan, start_size

__all__ = ["plan", "start_size"]
