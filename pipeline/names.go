package pipeline

// Names inside of the output folder that belong to the framework.
const (
	stateFolder = ".pathline" // fingerprints, checkpoints, rows that nobody asked to see
	recordFile  = "run.json"
)
