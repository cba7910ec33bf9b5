//go:build race

package path_test

const raceEnabled = true
