package pipeline

// Names inside of the output folder that belong to the framework.
const (
	stateFolder = ".pathline" // fingerprints, checkpoints, rows that nobody asked to see
	recordFile  = "run.json"

	// Inside of the state folder, beside the folders of the stages: no stage
	// has a name that begins with a dot.
	lockFile = ".lock"

	// partialEnding marks files that are being written. It says whose they are,
	// since what a killed run left behind is removed from a folder that may
	// hold other people's files.
	partialEnding = ".pathline.partial"
)
