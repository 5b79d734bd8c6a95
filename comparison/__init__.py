"""What compare.py is made of: one trial in one process, the runner, the report.

Every number that a person sees comes out of results.json. Nothing here is part of
what is compared.
"""
