// Package random gives random numbers that are a function of their address
// (seed, stage, stream, row, step, draw) and of nothing else: not of batch
// size, worker count, order of evaluation or process. A run resumed at step k
// replays nothing, and a stage moved to another process draws the same values.
//
//	key     = 64 bits of SHA-256 over seed, stage name and stream name
//	counter = (row number 64 bit, step or pass 32 bit, draw block 32 bit)
//	block   = Philox4x32-10(key, counter), 128 bits
//
// Uniforms, normals and signs are cut from blocks by the rules stated at each
// method; those rules are part of the file formats and never change under the
// same key prefix. A new kind of draw is a new method here with golden values
// in its test.
//
// Draws for many rows (NAMERows) are those of each row, computed together in
// package kernel/philox, some ten times faster; every processor gives the same
// bits. A shuffle of a whole table is Shuffle, one place of one is Permute.
//
// Reference: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011.
package random
