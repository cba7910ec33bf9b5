//go:build race

package likelihood_test

const raceEnabled = true
