//go:build !race

package likelihood_test

const raceEnabled = false
