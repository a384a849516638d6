"""How parameters move: solvers, optimizers, schedules, batches, stopping."""
