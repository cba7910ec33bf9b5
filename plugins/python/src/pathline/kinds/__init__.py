"""One file for each kind of stage: what its class must have, and how calls of the
host become calls of its methods."""
