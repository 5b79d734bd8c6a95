"""What a person sees: progress during a run, tables and sentences, files, README.md.

Every number comes out of results.json: nothing here measures, and nothing decides.
`python -m comparison.report` writes what README.md and docs/results.md show.
"""
