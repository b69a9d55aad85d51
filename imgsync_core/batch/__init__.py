"""Many jobs from one file: a table of rows, a results file, worker processes here or on Ray."""
