"""What runs in a process of its own: how it is started, one trial, and its machine.

A child imports this before its framework: nothing here imports more than the standard
library at once, and nothing of `comparison/` from outside this folder.
"""
