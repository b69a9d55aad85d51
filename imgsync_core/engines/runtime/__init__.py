"""What engines with networks share: files, networks, crops, windows in and frames out."""
