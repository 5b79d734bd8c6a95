"""What a person sees: progress during a run, tables and sentences, files, README.md.

Every number comes out of results.json: nothing here measures, and nothing decides.
`python -m comparison.report` writes README.md's tables.
"""
