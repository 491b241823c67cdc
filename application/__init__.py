"""What the domain needs to live: the log and its turn, the commands, the projections, sealed personal fields, imports."""
