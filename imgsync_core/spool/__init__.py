"""Finished pieces of costly jobs, kept on a disk, so that an interrupted job goes on from there."""
