package trainer

import "github.com/pathline/pathline/stages/random"

// Keys are the random streams of a training run. Example i of step k's batch
// of B has the number p = k B + i, and everything that is drawn for it has the
// address (row p, step 0); so a run continues at any step without replay.
type Keys struct {
	Init       random.Key // weights; see model.Network
	Shuffle    random.Key // order of the rows; see Memory and Window
	Time       random.Key // t of example p
	Noise      random.Key // x0 of example p
	Source     *Source    // what x0 is drawn from by Noise and ValidNoise; nil is N(0, I)
	Bridge     random.Key // the second noise of example p, where the path has one
	Pairs      random.Key // which noise example p draws, where the coupling draws its pairs
	Drop       random.Key // whether example p keeps its conditions
	Validation random.Key // which rows are validated: see Sample
	ValidTime  random.Key // t of validation row r
	ValidNoise random.Key // x0 of validation row r: address (r, 0); second noise: (r, 1)
	ValidPairs random.Key // which noise validation row r draws
}

// NewKeys derives the streams of a stage.
func NewKeys(seed uint64, stage string) Keys {
	key := func(stream string) random.Key { return random.NewKey(seed, stage, stream) }
	return Keys{
		Init:       key("init"),
		Shuffle:    key("shuffle"),
		Time:       key("time"),
		Noise:      key("noise"),
		Bridge:     key("bridge"),
		Pairs:      key("pairs"),
		Drop:       key("drop"),
		Validation: key("validation-rows"),
		ValidTime:  key("validation-time"),
		ValidNoise: key("validation-noise"),
		ValidPairs: key("validation-pairs"),
	}
}
