"""The proof that the classes of a run are one network: each one's evidence, a verdict.

Only the contract is used, so any class can be put to it. Nothing here is timed, and
nothing here says what a person reads of it.
"""
