"""The count of code: how long a source is, and which code is a class's own.

Sources are read, never imported, and counted by one definition with a version.
Nothing here knows of runs.
"""
