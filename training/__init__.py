"""How the built-in net was trained: speech, its truth, the loss. Not part of what is installed.

Run from the project's root: ``python -m training.train``.
"""
