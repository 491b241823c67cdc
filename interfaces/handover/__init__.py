"""How checkpoints reach those who keep them: a sheet of paper, a folder of theirs, and time stamps by somebody else."""
