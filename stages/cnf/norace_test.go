//go:build !race

package cnf_test

const raceEnabled = false
