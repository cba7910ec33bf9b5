//go:build !race

package trainer

const raced = false
