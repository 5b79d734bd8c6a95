"""The user's own images: a folder of image files, or arrays in an .npz file.

What has a name and a published digest belongs in `published`, even if the user has
the archive.
"""
