"""Before a job begins: which engine, how fast, what it will take."""
