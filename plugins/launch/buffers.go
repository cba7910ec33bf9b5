package launch

import "google.golang.org/grpc/mem"

// Buffers are the memory that one connection reads messages into. gRPC's own pool
// has none between 32 KiB and 1 MiB, and clears what it gives: the weights of a
// small network cost a megabyte of zeros in every call.
func Buffers() mem.BufferPool {
	var exponents []uint8
	for e := uint8(8); e <= 26; e++ { // up to a frame
		exponents = append(exponents, e)
	}
	pool, err := mem.NewBinaryTieredBufferPool(exponents...)
	if err != nil {
		panic("launch: sizes of buffers: " + err.Error())
	}
	return pool
}
