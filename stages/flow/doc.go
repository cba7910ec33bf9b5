// Package flow is a trained flow: what it says of itself ([Description]), its
// file, and the parts from which it samples and scores ([Flow]).
//
// The file is one safetensors file with nothing in it that runs: a header of 8
// bytes and JSON, then the weights as float32. Its metadata holds the
// description and a checksum over description and weights:
//
//	{"__metadata__": {"format": "pathline", "pathline.flow": "...", "pathline.sha256": "..."},
//	 "layer0.weight": {"dtype": "F32", "shape": [64, 3], "data_offsets": [0, 768]}, ...}
//
// The way back: [Decode] trusts nothing and gives a description and tensors;
// [Open] makes the field from them with the constructors that a [Registry]
// holds, turns what the network predicts into a velocity with the path's
// coefficients, restores the transforms, and sets the base distribution
// N(0, base_std² I). An exact model brings its own base and needs none of this.
// A discrete flow (Flow.Bijection) is a bijection between rows and its base: it has
// no path and is never solved.
//
//	trainer -> Encode -> file -> Decode -> Open -> *Flow -> sampler, likelihood
//
// To add a model or a path that flows can be made of, put its constructor into
// the Registry that the rooms are registered with; nothing here changes.
//
// References: the safetensors format, github.com/huggingface/safetensors;
// Lipman et al., "Flow matching for generative modeling", ICLR 2023; Lipman et
// al., "Flow matching guide and code", 2024, table 1 (conversions of targets).
package flow
