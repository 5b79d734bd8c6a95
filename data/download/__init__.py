"""How a published archive is downloaded: resumed, bounded in time, and verified.

Nothing here knows what is inside an archive, or which data set it belongs to.
"""
