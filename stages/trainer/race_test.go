//go:build race

package trainer

// raced: the race detector makes sync.Pool forget, so pools allocate.
const raced = true
