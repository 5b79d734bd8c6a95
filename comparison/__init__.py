"""What compare.py is made of: one trial in one process, the runner, the report.

Every number that a person sees comes out of results.json, whose records are in
`records.py`. Nothing here is part of what is compared. Imports run one way:
processes -> contestants -> settings -> records -> network -> environment, results ->
counting, plan, sameness, statistics -> report -> runner, command_line.
"""
