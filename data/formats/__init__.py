"""File formats, one a file: bytes or a path in, arrays out, and nothing is executed.

Nothing here knows where a file came from, or where its arrays are kept.
"""
