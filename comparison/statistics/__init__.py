"""From trials to one row a model: medians, intervals, and when a difference is shown.

Numbers in, numbers out: how they are printed is in `comparison/report/`.
"""
