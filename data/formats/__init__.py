"""File formats, one a file: bytes or a path in, arrays out, and nothing is executed.

Nothing here knows which data set a file belongs to, where it came from, or where its
arrays are kept.
"""
